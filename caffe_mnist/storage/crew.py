"""Many transfers at once: so many threads, so much memory, and an end as soon as one fails."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from caffe_mnist.storage.pace import PACES
from caffe_mnist.storage.sources import BLOCK

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 16
# The memory that is lent to transfers, in bytes.
MEMORY = 120 * 2**20
# How long an end waits for transfers that are under way, in seconds.
GRACE = 3.0


class StoppedError(Exception):
    """Raised in a transfer when all are to end: another one failed, or somebody pressed Ctrl-C."""


class Crew:
    """Runs work on many items at once. `stop` ends all of it."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self._free = MEMORY
        self._changed = threading.Condition()

    def check(self) -> None:
        """Raise StoppedError when the work is to end."""
        if self.stop.is_set():
            raise StoppedError

    @contextlib.contextmanager
    def memory(self, size: int) -> Iterator[None]:
        """Wait for the memory that the transfer of `size` bytes takes."""
        # A small one is held twice, here and in the library; of a large one a few parts are.
        need = min(2 * size if size <= BLOCK else 8 * PACES[0].part(size), MEMORY)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= need or self.stop.is_set())
            self._free -= need
        try:
            self.check()
            yield
        finally:
            with self._changed:
                self._free += need
                self._changed.notify_all()

    def run(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The results of `work` on all items, in their order.

        The first failure stops the others and is raised; so is Ctrl-C.
        """
        if not items:
            return []
        pool = ThreadPoolExecutor(min(AT_ONCE, len(items)), "transfer")
        futures = [pool.submit(work, item) for item in items]
        try:
            # Not for ever: a wait without an end could not be interrupted everywhere.
            while wait(futures, 0.5, FIRST_EXCEPTION).not_done and not self._failed(futures):
                self.check()
            for future in futures:
                if future.done() and not isinstance(future.exception(), StoppedError):
                    future.result()
            return [future.result() for future in futures]
        except BaseException:
            self._end(futures)
            raise
        finally:
            pool.shutdown(wait=False)

    @staticmethod
    def _failed(futures: Sequence[Future[Any]]) -> bool:
        return any(future.done() and future.exception() for future in futures)

    def _end(self, futures: Sequence[Future[Any]]) -> None:
        self.stop.set()
        with self._changed:
            self._changed.notify_all()
        for future in futures:
            future.cancel()
        wait(futures, GRACE)
