"""A source in an order that is drawn anew for each time through (`?shuffle=1&seed=7`).

The order of epoch e comes from the seed and e alone, by NumPy's RandomState, whose numbers never
change: so it is the same on every machine, and any place in the stream can be gone to at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Callable

from caffe_mnist.datasets.chosen import Record, Source


class Shuffled:
    """A source with its records in the order of epoch 0; `endless` goes on with the others."""

    def __init__(self, source: Source, seed: int) -> None:
        """`seed` is below 2**64."""
        self.path = source.path
        self._source, self._seed = source, seed

    def __len__(self) -> int:
        return len(self._source)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def records(self, start: int = 0) -> Iterator[Record]:
        """Keys and values, from record number `start` (from 0) of the order on."""
        with self.reader() as read:
            for number in range(max(start, 0), len(self)):
                yield read(number)

    def picked(self, numbers: Sequence[int]) -> Iterator[Record]:
        """The records of these places of the order."""
        with self.reader() as read:
            for number in numbers:
                yield read(number)

    @contextmanager
    def reader(self) -> Iterator[Callable[[int], Record]]:
        """Any record by its place in the order."""
        order = self.order(0)
        with self._source.reader() as read:
            yield lambda number: read(order[number])

    def endless(self, start: int, restarted: Callable[[], None]) -> Iterator[Record]:
        """Records from number `start` of the stream on; `restarted`: an epoch is through."""
        epoch, at = divmod(start, len(self))
        reader: AbstractContextManager[Callable[[int], Record]] = self._source.reader()
        with reader as read:
            while True:
                for number in self.order(epoch)[at:]:
                    yield read(number)
                epoch, at = epoch + 1, 0
                restarted()

    def order(self, epoch: int) -> Sequence[int]:
        """The numbers of the source's records in the order of an epoch."""
        import numpy as np

        words = [self._seed & 0xFFFFFFFF, self._seed >> 32, epoch & 0xFFFFFFFF, epoch >> 32]
        drawn = np.random.RandomState(words).permutation(len(self))
        return array("q", drawn.astype("=i8").tobytes())
