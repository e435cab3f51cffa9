"""Several databases read one after the other, as the one that they are pieces of."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from typing import Any, Callable

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import Index, RecordSet, check_shard

# Each takes a file, of which a process may have 1,024 open.
MOST_OPEN = 128


class Joined:
    """The shards of a set, with the face of `Database`.

    Read in their order, one of them is open at a time, so there may be thousands; in any other
    order at most MOST_OPEN. Values are copies.
    Raises CaffeMnistError for a shard that is missing or has another number of records.
    """

    def __init__(self, index: Index, name: str) -> None:
        found: RecordSet = index.get(name)
        for shard in found.shards:
            check_shard(index, shard)
        self.path = index.path
        self._places = [index.place(shard) for shard in found.shards]
        # Where each shard begins, and where the last one ends.
        self._starts = [0, *accumulate(shard.records for shard in found.shards)]

    def __len__(self) -> int:
        return self._starts[-1]

    def close(self) -> None:
        """Nothing stays open."""

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values, from record number `start` (from 0) of the first shard on."""
        if not 0 <= start < len(self):
            return
        first = bisect_right(self._starts, start) - 1
        for number in range(first, len(self._places)):
            with Database(self._places[number]) as database:
                for key, value in database.records(max(start - self._starts[number], 0)):
                    yield key, bytes(value)

    @contextmanager
    def reader(self) -> Iterator[Callable[[int], tuple[bytes, bytes]]]:
        """Any record by its number, in any order; shards stay open, those asked for last."""
        shards: OrderedDict[int, tuple[ExitStack, Callable[[int], Any]]] = OrderedDict()

        def read(number: int) -> tuple[bytes, bytes]:
            index = bisect_right(self._starts, number) - 1
            if index not in shards:
                if len(shards) >= MOST_OPEN:
                    shards.popitem(last=False)[1][0].close()
                opened = ExitStack()
                database = opened.enter_context(Database(self._places[index]))
                shards[index] = opened, opened.enter_context(database.reader())
            shards.move_to_end(index)
            key, value = shards[index][1](number - self._starts[index])
            return key, bytes(value)

        try:
            yield read
        finally:
            for opened, _ in shards.values():
                opened.close()

    def picked(self, numbers: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        """The records of these numbers, which ascend."""
        at = 0
        for number, place in enumerate(self._places):
            start, end = self._starts[number : number + 2]
            here = []
            while at < len(numbers) and numbers[at] < end:
                here.append(numbers[at] - start)
                at += 1
            if here:
                with Database(place) as database:
                    for key, value in database.picked(here):
                        yield key, bytes(value)
