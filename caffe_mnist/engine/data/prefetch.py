"""Work done ahead by a thread, handed over through a short queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Runs an endless iterator in a thread, at most `depth` items ahead.

    What the iterator raises is raised by `next`. The thread starts at the first `next`.
    """

    def __init__(self, source: Iterator[T], depth: int) -> None:
        """Take over `source`; nothing else may read it."""
        self._source = source
        self._queue: queue.Queue[T | BaseException] = queue.Queue(maxsize=max(depth, 1))
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work ahead."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
            self._thread.start()

    def next(self) -> T:
        """The next item, waiting for it if need be."""
        self.start()
        item = self._queue.get()
        if isinstance(item, BaseException):
            self._queue.put(item)
            raise item
        return item

    def close(self) -> None:
        """End the thread; items made ahead are lost."""
        self._stopping.set()
        if self._thread is None:
            return
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _work(self) -> None:
        try:
            for item in self._source:
                self._queue.put(item)
                if self._stopping.is_set():
                    return
        except BaseException as error:  # handed to the reader, which raises it
            self._queue.put(error)
