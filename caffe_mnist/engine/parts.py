"""How many workers trained from which iteration on: where the data goes on with other ones.

A `.solverstate` says how many iterations were made, not by how many workers; the records that
were read are iterations times workers. So the parts of the training so far are kept in the
running state of a snapshot, as [[first iteration, workers], …].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NAME = "workers"


@dataclass(frozen=True)
class Parts:
    """(first iteration, workers) of each part, in order."""

    parts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, more: dict[str, Any]) -> Parts:
        """Those in a running state's `more`; none where there are none that make sense."""
        try:
            found = tuple((int(first), int(workers)) for first, workers in more.get(NAME, ()))
        except (TypeError, ValueError):
            return cls()
        sound = list(found) == sorted(dict(found).items())
        if not sound or any(first < 0 or workers < 1 for first, workers in found):
            return cls()
        return cls(found)

    def taken(self, iteration: int, workers: int) -> int:
        """How many batches all workers together took before `iteration`.

        Before the first part, and without any, there were as many workers as now.
        """
        total, last, before = 0, 0, self.parts[0][1] if self.parts else workers
        for first, count in self.parts:
            if first >= iteration:
                break
            total += (first - last) * before
            last, before = first, count
        return total + (iteration - last) * before

    def going_on(self, iteration: int, workers: int) -> Parts:
        """The same with `workers` from `iteration` on."""
        kept = tuple(part for part in self.parts if part[0] < iteration)
        if not kept or kept[-1][1] != workers:
            kept = (*kept, (iteration, workers))
        return Parts(kept)

    def keep(self, more: dict[str, Any]) -> None:
        """Put them into a running state's `more`; one worker all along is nothing to say."""
        more.pop(NAME, None)
        if any(workers > 1 for _, workers in self.parts):
            more[NAME] = [list(part) for part in self.parts]
