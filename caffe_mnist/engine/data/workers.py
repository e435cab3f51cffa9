"""Threads that decode and transform pictures side by side; what they make comes in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# More do not help: four decode more than 5,000 pictures of 256 × 256 a second.
MOST = 4


class Workers:
    """`count` threads, by default one for each core, at most four.

    With one, the caller does all the work itself. They start when they are first needed. OpenCV
    and NumPy let go of Python's lock while they work, so the threads really run side by side.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or min(MOST, len(os.sched_getaffinity(0)))
        self._pool: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """The function's values in the order of the items; what the first of them raises."""
        if self.count < 2:
            return [function(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.count, "pictures")
        return list(self._pool.map(function, items))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None
