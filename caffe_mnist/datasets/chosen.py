"""A part of a dataset: its first records, or some that are drawn."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Callable, Protocol, Union

Record = tuple[bytes, Union[bytes, memoryview]]


class Source(Protocol):
    """What records are read from: a database, or what stands for one."""

    path: str

    def __len__(self) -> int: ...

    def close(self) -> None:
        """Let go of the files."""

    def records(self, start: int = 0) -> Iterator[Record]:
        """Keys and values from record number `start` (from 0) to the end."""

    def picked(self, numbers: Sequence[int]) -> Iterator[Record]:
        """The records of these numbers, which ascend."""

    def reader(self) -> AbstractContextManager[Callable[[int], Record]]:
        """Any record by its number, in any order."""


class Chosen:
    """Some records of a source, in their order, with the face of `Database`."""

    def __init__(self, source: Source, numbers: Sequence[int]) -> None:
        """`numbers` ascend."""
        self.path = source.path
        self._source, self._numbers = source, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def records(self, start: int = 0) -> Iterator[Record]:
        """Keys and values, from the chosen record number `start` (from 0) on."""
        if 0 <= start < len(self):
            yield from self._source.picked(self._numbers[start:])

    def picked(self, numbers: Sequence[int]) -> Iterator[Record]:
        """Some of the chosen ones."""
        return self._source.picked([self._numbers[number] for number in numbers])

    @contextmanager
    def reader(self) -> Iterator[Callable[[int], Record]]:
        """Any of the chosen ones."""
        with self._source.reader() as read:
            yield lambda number: read(self._numbers[number])


def draw(total: int, count: int, seed: int) -> Sequence[int]:
    """`count` numbers below `total` in ascending order: the same ones for the same seed."""
    return array("Q", sorted(Random(seed).sample(range(total), count)))
