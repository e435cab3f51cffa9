"""The ten digits as strokes: what `digits.py` bends and draws.

A glyph's points lie in a square of 100 x 100 units, y growing downwards. A stroke is a smooth
curve through some of them; strokes that share a point stay joined when the points are moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Dots on a curve between one of its points and the next.
STEPS = 10


class Glyph(NamedTuple):
    """One way to write a digit; `jitter` is how far a point may move, in 1/64 units."""

    label: int
    points: tuple[tuple[int, int], ...]
    strokes: tuple[tuple[int, ...], ...]
    jitter: int = 440

    def spline(self) -> np.ndarray:
        """Weights (dots x points) of the dots on all strokes, each 2 * STEPS**3 in sum.

        Catmull-Rom curves: they pass through their points and need no more than whole numbers.
        """
        rows = []
        for stroke in self.strokes:
            ends = (stroke[0], *stroke, stroke[-1])
            for at in range(len(stroke) - 1):
                for step in range(STEPS + (at == len(stroke) - 2)):
                    rows.append(np.zeros(len(self.points), np.int64))
                    for point, weight in zip(ends[at : at + 4], _weights(step)):
                        rows[-1][point] += weight
        return np.stack(rows)


def _weights(t: int) -> tuple[int, int, int, int]:
    n = STEPS
    return (
        -(t**3) + 2 * t * t * n - t * n * n,
        3 * t**3 - 5 * t * t * n + 2 * n**3,
        -3 * t**3 + 4 * t * t * n + t * n * n,
        t**3 - t * t * n,
    )


def _one_stroke(label: int, *points: tuple[int, int]) -> Glyph:
    return Glyph(label, points, (tuple(range(len(points))),))


# Each digit has as many ways here as the others have, or it would be seen more often.
GLYPHS = (
    Glyph(
        0,
        ((50, 0), (84, 16), (96, 50), (84, 84), (50, 100), (16, 84), (4, 50), (16, 16)),
        ((7, 0, 1, 2, 3, 4, 5, 6, 7, 0),),
    ),
    _one_stroke(
        0, (62, 4), (30, 6), (8, 34), (8, 70), (34, 98), (70, 94), (92, 62), (86, 24), (56, 2)
    ),
    Glyph(1, ((50, 0), (50, 50), (50, 100)), ((0, 1, 2),), 300),
    Glyph(1, ((24, 24), (54, 0), (54, 50), (54, 100)), ((0, 1), (1, 2, 3)), 300),
    Glyph(
        2,
        ((10, 26), (28, 5), (56, 0), (82, 14), (82, 38), (60, 64), (10, 98), (50, 98), (94, 98)),
        ((0, 1, 2, 3, 4, 5, 6), (6, 7, 8)),
    ),
    _one_stroke(
        2,
        *((12, 22), (36, 2), (70, 6), (80, 32), (58, 68), (30, 94)),
        *((12, 88), (24, 74), (54, 88), (94, 96)),
    ),
    Glyph(
        3,
        (
            *((12, 16), (38, 0), (72, 6), (80, 26), (64, 43), (38, 48)),
            *((72, 56), (88, 76), (70, 96), (38, 100), (8, 86)),
        ),
        ((0, 1, 2, 3, 4, 5), (5, 6, 7, 8, 9, 10)),
    ),
    Glyph(
        3,
        (
            *((12, 4), (50, 3), (84, 4), (62, 24), (44, 44), (74, 52)),
            *((88, 74), (70, 96), (38, 100), (10, 88)),
        ),
        ((0, 1, 2), (2, 3, 4), (4, 5, 6, 7, 8, 9)),
    ),
    Glyph(
        4,
        ((24, 2), (18, 30), (12, 58), (50, 58), (92, 56), (74, 0), (72, 50), (68, 100)),
        ((0, 1, 2), (2, 3, 4), (5, 6, 7)),
    ),
    Glyph(
        4,
        ((68, 0), (38, 34), (6, 68), (50, 68), (96, 66), (68, 50), (68, 100)),
        ((0, 1, 2), (2, 3, 4), (0, 5, 6)),
    ),
    Glyph(
        5,
        (
            *((86, 2), (56, 3), (26, 2), (18, 44)),
            *((50, 36), (80, 48), (88, 70), (70, 94), (38, 100), (8, 90)),
        ),
        ((0, 1, 2), (2, 3), (3, 4, 5, 6, 7, 8, 9)),
    ),
    Glyph(
        5,
        (
            *((94, 4), (64, 4), (36, 8), (30, 26), (24, 46)),
            *((56, 44), (78, 62), (70, 88), (40, 100), (10, 94)),
        ),
        ((0, 1, 2), (2, 3, 4, 5, 6, 7, 8, 9)),
    ),
    _one_stroke(
        6,
        *((78, 4), (46, 16), (20, 46), (12, 76), (34, 98), (66, 98)),
        *((86, 78), (72, 58), (42, 56), (16, 74)),
    ),
    _one_stroke(
        6,
        *((54, 0), (30, 26), (14, 60), (22, 92), (54, 100), (82, 88)),
        *((82, 66), (56, 56), (28, 68), (20, 86)),
    ),
    Glyph(7, ((8, 4), (50, 4), (92, 4), (66, 48), (42, 100)), ((0, 1, 2), (2, 3, 4))),
    Glyph(
        7,
        ((10, 6), (50, 3), (88, 4), (64, 50), (46, 100), (34, 52), (90, 48)),
        ((0, 1, 2), (2, 3, 4), (5, 3, 6)),
    ),
    _one_stroke(
        8,
        *((82, 16), (54, 0), (22, 12), (26, 34), (52, 48), (84, 68), (80, 92), (50, 100)),
        *((18, 92), (16, 68), (48, 50), (76, 34), (82, 16)),
    ),
    Glyph(
        8,
        (
            *((50, 46), (24, 34), (24, 10), (50, 0), (76, 10), (76, 34)),
            *((18, 62), (18, 90), (50, 100), (82, 90), (82, 62)),
        ),
        ((0, 1, 2, 3, 4, 5, 0), (0, 6, 7, 8, 9, 10, 0)),
    ),
    Glyph(
        9,
        (
            *((84, 26), (62, 46), (30, 48), (12, 28), (28, 6), (60, 0)),
            *((82, 62), (74, 100)),
        ),
        ((0, 1, 2, 3, 4, 5, 0, 6, 7),),
    ),
    Glyph(
        9,
        (
            *((82, 26), (58, 48), (26, 42), (16, 20), (38, 2), (68, 4)),
            *((84, 62), (64, 92), (26, 98)),
        ),
        ((0, 1, 2, 3, 4, 5, 0, 6, 7, 8),),
    ),
)
