"""Batches of concurrent requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from caffe_mnist.service.batching import Batcher, FullError


def test_what_waits_becomes_a_batch() -> None:
    """The first item is computed at once; those that came meanwhile go together, in order."""
    sizes: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def compute(items: Sequence[int]) -> list[int]:
        entered.set()
        go_on.wait(30)
        return [item * 10 for item in items]

    async def story() -> list[list[int]]:
        batcher = Batcher(compute, largest=4, seen=sizes.append)
        first = asyncio.create_task(batcher.submit([0]))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(batcher.submit([n, n + 100])) for n in range(1, 4)]
        await asyncio.sleep(0)
        assert batcher.waiting == 6
        go_on.set()
        return [await first, *[await one for one in others]]

    assert asyncio.run(story()) == [[0], [10, 1010], [20, 1020], [30, 1030]]
    assert sizes == [1, 4, 2]


def test_a_full_queue_refuses() -> None:
    """All of a request's items or none; what was taken is still answered."""
    go_on = threading.Event()

    def compute(items: Sequence[int]) -> Sequence[int]:
        go_on.wait(30)
        return items

    async def story() -> None:
        batcher = Batcher(compute, largest=1, limit=3)
        taken = asyncio.create_task(batcher.submit([1, 2, 3]))
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await batcher.submit([4, 5, 6, 7])
        go_on.set()
        assert await taken == [1, 2, 3]

    asyncio.run(story())


def test_a_failure_belongs_to_its_batch() -> None:
    """Those who asked hear of it; the next batch is computed."""

    def compute(items: Sequence[int]) -> Sequence[int]:
        if 7 in items:
            raise ValueError("seven")
        return items

    async def story() -> None:
        batcher = Batcher(compute)
        with pytest.raises(ValueError, match="seven"):
            await batcher.submit([7])
        assert await batcher.submit([8]) == [8]

    asyncio.run(story())


def test_who_gave_up_is_not_computed() -> None:
    """A request that was cancelled while it waited takes no place in a batch."""
    seen: list[Sequence[int]] = []
    entered, go_on = threading.Event(), threading.Event()

    def compute(items: Sequence[int]) -> Sequence[int]:
        seen.append(list(items))
        entered.set()
        go_on.wait(30)
        return items

    async def story() -> None:
        batcher = Batcher(compute)
        first = asyncio.create_task(batcher.submit([1]))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        second, third = (asyncio.create_task(batcher.submit([n])) for n in (2, 3))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        go_on.set()
        assert await first == [1]
        assert await third == [3]

    asyncio.run(story())
    assert seen == [[1], [3]]


def test_what_takes_a_moment_needs_no_thread() -> None:
    """A lone item, once the last one was quick; batches and slow items go to the thread."""
    here = threading.get_ident()
    places: list[tuple[int, bool]] = []
    delay = [0.0]

    def compute(items: Sequence[int]) -> Sequence[int]:
        places.append((len(items), threading.get_ident() == here))
        time.sleep(delay[0])
        return items

    async def story() -> None:
        batcher = Batcher(compute, moment=0.5)
        await batcher.submit([1])  # nobody knows yet how long it takes
        await batcher.submit([2])
        await batcher.submit([3, 4])
        delay[0] = 0.6
        await batcher.submit([5])
        await batcher.submit([6])

    asyncio.run(story())
    assert places == [(1, False), (1, True), (2, False), (1, True), (1, False)]
