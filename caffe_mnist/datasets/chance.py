"""Chance by whole numbers alone (splitmix64): the same on all machines and versions of NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
MASK = 0xFFFFFFFFFFFFFFFF


class Chance:
    """A stream of random numbers that follows from a seed and the number of a thing alone."""

    def __init__(self, seed: int, number: int) -> None:
        """The stream of thing `number` of the set `seed`."""
        self._state = _mixed(_mixed(seed & MASK) + number)

    def below(self, count: int) -> int:
        """A whole number from 0 to `count` - 1."""
        self._state = (self._state + GOLDEN) & MASK
        return _mixed(self._state) % count

    def between(self, least: int, largest: int) -> int:
        """A whole number, both ends included."""
        return least + self.below(largest - least + 1)

    def percent(self, share: int) -> bool:
        """True in `share` of a hundred cases."""
        return self.below(100) < share

    def choice(self, things: Sequence[T]) -> T:
        """One of `things`."""
        return things[self.below(len(things))]

    def bytes(self, count: int) -> np.ndarray:
        """So many bytes (uint8), quicker than one by one."""
        start = np.array([self.below(MASK)], np.uint64)
        places = np.arange(1, -(-count // 8) + 1, dtype=np.uint64)
        return mix(start + places * np.uint64(GOLDEN)).astype("<u8").view(np.uint8)[:count]


def mix(x: np.ndarray) -> np.ndarray:
    """Numbers (uint64) that look like chance, one for each of `x`."""
    x = x + np.uint64(GOLDEN)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(SECOND)
    x = x ^ (x >> np.uint64(31))
    return x


def _mixed(x: int) -> int:
    """`mix` of one number."""
    x = (x + GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * FIRST) & MASK
    x = ((x ^ (x >> 27)) * SECOND) & MASK
    return x ^ (x >> 31)
