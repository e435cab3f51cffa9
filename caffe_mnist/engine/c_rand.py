"""The numbers of C's rand() and of std::random_shuffle, as GNU's libraries make them.

HDF5Data shuffles with these in Caffe, from the seed that a process starts with, whatever the
solver's random_seed. rand() is glibc's additive generator: o_i = o_{i-3} + o_{i-31} (mod 2³²),
halved, begun by a multiplicative one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any


class CRand:
    """One stream of rand() from seed 1."""

    def __init__(self) -> None:
        """At the state of a new process."""
        start = [1]
        while len(start) < 31:
            start.append(16807 * start[-1] % (2**31 - 1))
        self._last = deque(start[3:] + start[:3], maxlen=31)
        for _ in range(310):
            self.next()

    def next(self) -> int:
        """A whole number below 2³¹."""
        self._last.append((self._last[0] + self._last[-3]) & 0xFFFFFFFF)
        return self._last[-1] >> 1

    def state(self) -> list[int]:
        """Where the stream is, for `restore`."""
        return list(self._last)

    def restore(self, state: Sequence[int]) -> None:
        """Go on where `state` was taken; raises ValueError for what is none."""
        if len(state) != 31 or not all(0 <= int(number) < 2**32 for number in state):
            raise ValueError("no state of rand()")
        self._last.extend(map(int, state))

    def shuffle(self, things: list[Any]) -> None:
        """Bring a list into a random order, in place."""
        for index in range(1, len(things)):
            other = self.next() % (index + 1)
            things[index], things[other] = things[other], things[index]
