"""A stop watch."""

from __future__ import annotations

import time


class Timer:
    """Milliseconds between `start` and `stop`."""

    def __init__(self) -> None:
        self._begin = 0.0
        self._seconds = 0.0

    def start(self) -> None:
        """Begin to measure."""
        self._begin = time.perf_counter()

    def stop(self) -> None:
        """End measuring."""
        self._seconds = time.perf_counter() - self._begin

    @property
    def ms(self) -> float:
        """What was measured last."""
        return 1000 * self._seconds
