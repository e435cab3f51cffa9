"""Concurrent requests as batches: what waits while one batch is computed is the next batch.

Nothing waits for a batch to fill: a lone picture is computed at once, and where that takes less
than the way to another thread and back would be worth, by the event loop itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class FullError(Exception):
    """More is waiting than the queue takes."""


class Batcher:
    """Computes single items in batches, in one thread of its own.

    `compute` gets a list of items and returns as many results. `seen` is told the size of each
    batch. An item that is alone is computed without the thread where the last one took less than
    `moment` seconds; for so long nothing else is answered.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Any]], Sequence[Any]],
        largest: int = 64,
        limit: int = 256,
        seen: Callable[[int], None] | None = None,
        moment: float = 0.0,
    ) -> None:
        self._compute, self._largest, self._limit, self._seen = compute, largest, limit, seen
        self._waiting: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._thread = ThreadPoolExecutor(1, "net")
        self._working: asyncio.Task[None] | None = None
        self._moment = moment
        self._alone = float("inf")  # what the last lone item took (seconds)

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    async def submit(self, items: Sequence[Any]) -> list[Any]:
        """The results of `items`; raises FullError when so many do not fit in the queue."""
        if len(self._waiting) + len(items) > self._limit:
            raise FullError
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in items]
        self._waiting.extend(zip(items, futures))
        if self._working is None or self._working.done():
            self._working = loop.create_task(self._work())
        return list(await asyncio.gather(*futures))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch: list[tuple[Any, asyncio.Future[Any]]] = []
            while self._waiting and len(batch) < self._largest:
                item, future = self._waiting.popleft()
                if not future.done():  # given up meanwhile
                    batch.append((item, future))
            if not batch:
                continue
            items = [item for item, _ in batch]
            try:
                if len(items) == 1 and self._alone < self._moment:
                    results = self._timed(items)
                else:
                    results = await loop.run_in_executor(self._thread, self._timed, items)
            except Exception as error:  # it belongs to those who asked
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            if self._seen is not None:
                self._seen(len(batch))
            for (_, future), result in zip(batch, results):
                if not future.done():
                    future.set_result(result)

    def _timed(self, items: Sequence[Any]) -> Sequence[Any]:
        begun = time.perf_counter()
        results = self._compute(items)
        if len(items) == 1:
            self._alone = time.perf_counter() - begun
        return results

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)
