"""A curve as it grows: no more points than a screen shows, however long the training."""

from __future__ import annotations

from dataclasses import dataclass, field

# A curve of more points is thinned: no screen shows more.
MOST_POINTS = 600


@dataclass
class Curve:
    """Pairs of iteration and value. Every `_stride`th is kept, and the last one always.

    Whatever the length of the training, adding takes the same time, and memory is bounded.
    """

    _kept: list[tuple[int, float]] = field(default_factory=list)
    _last: tuple[int, float] | None = None
    _stride: int = 1
    _count: int = 0

    def add(self, iteration: int, value: float) -> None:
        """One more point. What a training that begins again further back had is forgotten."""
        if self._last is not None and iteration < self._last[0]:
            while self._kept and self._kept[-1][0] >= iteration:
                self._kept.pop()
            self._count = len(self._kept) * self._stride
        if self._last is not None and iteration == self._last[0]:
            if self._kept and self._kept[-1][0] == iteration:
                self._kept[-1] = (iteration, value)
        else:
            if self._count % self._stride == 0:
                self._kept.append((iteration, value))
            self._count += 1
        self._last = (iteration, value)
        if len(self._kept) > MOST_POINTS:
            self._kept = self._kept[::2]
            self._stride *= 2

    @property
    def last(self) -> float | None:
        """The newest value."""
        return None if self._last is None else self._last[1]

    def points(self) -> list[tuple[int, float]]:
        """What is to be drawn, the newest point at its end."""
        if self._last is None or (self._kept and self._kept[-1] == self._last):
            return list(self._kept)
        return [*self._kept, self._last]
