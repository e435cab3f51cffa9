"""Machines of a group that have fallen silent, by the signs of life that all of them give.

A machine that loses its power or its network closes no connection: those that wait for its numbers
would notice after the workers' time limit. Its signs of life in the store of the meeting end at
once. They are times of that machine's own clock, which may be wrong, so only that they change is
looked at, by the clock here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Machine = TypeVar("Machine", bound=Hashable)


class Silence(Generic[Machine]):
    """How long each machine of one round of the group has given no sign."""

    def __init__(self, limit: float) -> None:
        """Of more than `limit` seconds it is told."""
        self._limit = limit
        self._seen: dict[Machine, tuple[object, float]] = {}
        self._alive: set[Machine] = set()

    def look(self, signs: Mapping[Machine, object], now: float) -> Machine | None:
        """A machine that gave signs in this round, and none for too long; None while all do.

        `signs` are the latest of those that take part. One that never changed any is not judged:
        the library hides those whose clock is far behind ours.
        """
        for machine, sign in signs.items():
            before = self._seen.get(machine)
            if before is None or before[0] != sign:
                self._seen[machine] = (sign, now)
                if before is not None:
                    self._alive.add(machine)
        for machine in self._alive:
            if now - self._seen[machine][1] > self._limit:
                return machine
        return None
