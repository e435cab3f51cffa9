"""Five kinds of flowers as coloured polygons: what `flowers.py` puts into a picture.

A blossom lies within UNIT of (0, 0), y growing downwards; its patches are painted in order.
All of it is whole numbers, drawn by chance within what makes the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from caffe_mnist.datasets.chance import Chance

UNIT = 1024
# Angles are counted in so many parts of a turn.
TURN = 4096
# Sines are counted in so many parts of 1.
ONE = 1 << 14
SINES = np.rint(np.sin(np.arange(TURN) * (2 * np.pi / TURN)) * ONE).astype(np.int64)

Colour = tuple[int, int, int]  # blue, green, red


class Patch(NamedTuple):
    """A polygon (points x 2) and its colour."""

    points: np.ndarray
    colour: Colour


# Half the width of a petal on its way from the middle out: places and widths in 1/1024 of its
# length and of the width that is asked for.
ROUND = ((0, 250), (300, 700), (600, 1024), (850, 850), (970, 450), (1024, 0))
BLUNT = ((0, 350), (250, 800), (700, 1024), (920, 800), (1000, 400), (1024, 0))
POINTED = ((0, 400), (300, 950), (500, 1024), (800, 550), (1024, 0))
STRAIGHT = ((0, 500), (900, 1024), (1024, 500))
EGG = ((0, 500), (120, 850), (400, 1024), (700, 800), (900, 400), (1024, 0))

WHITE = ((250, 250, 250), (235, 240, 245), (245, 225, 245))
YELLOW = ((20, 215, 250), (10, 190, 245), (40, 225, 255))
RED = ((40, 30, 200), (30, 20, 160), (60, 45, 225))
PINK = ((170, 130, 240), (200, 170, 250), (140, 80, 225))
ORANGE = ((30, 120, 245), (60, 150, 250))
PURPLE = ((150, 40, 120), (190, 80, 160))
GREEN = ((40, 110, 50), (50, 140, 80), (30, 90, 60), (60, 150, 110))
BROWN = ((20, 40, 70), (15, 25, 45), (30, 60, 95))


def rotation(angle: int) -> np.ndarray:
    """The matrix (in parts of ONE) that turns points by `angle`."""
    sine, cosine = SINES[angle % TURN], SINES[(angle + TURN // 4) % TURN]
    return np.array([[cosine, -sine], [sine, cosine]])


def turned(points: np.ndarray, angle: int) -> np.ndarray:
    """Points turned about (0, 0)."""
    result: np.ndarray = points @ rotation(angle).T // ONE
    return result


def shade(colour: Colour, percent: int) -> Colour:
    """A colour, darker below 100, lighter above."""
    blue, green, red = (min(255, part * percent // 100) for part in colour)
    return blue, green, red


def varied(colours: Sequence[Colour], chance: Chance) -> Colour:
    """One of `colours`, or something near it."""
    blue, green, red = (
        min(255, max(0, part + chance.between(-12, 12))) for part in chance.choice(colours)
    )
    return blue, green, red


def petal(profile: Sequence[tuple[int, int]], near: int, far: int, width: int) -> np.ndarray:
    """The outline of a petal that points right, from `near` to `far` of the middle."""
    along = np.array([near + place * (far - near) // 1024 for place, _ in profile])
    across = np.array([half * width // 2048 for _, half in profile])
    points = np.concatenate([np.stack([along, across], 1), np.stack([along, -across], 1)[::-1]])
    return points


def disc(radius: int, corners: int = 20) -> np.ndarray:
    """A circle around the middle, near enough."""
    angles = np.arange(corners) * TURN // corners
    return np.stack([SINES[(angles + TURN // 4) % TURN], SINES[angles]], 1) * radius // ONE


def ring(
    chance: Chance,
    count: int,
    profile: Sequence[tuple[int, int]],
    reach: tuple[int, int],
    width: int,
    colour: Colour,
) -> list[Patch]:
    """Petals all around, from reach[0] to about reach[1], each a little its own."""
    near, far = reach
    first, patches = chance.below(TURN), []
    for index in range(count):
        angle = first + index * TURN // count + chance.between(-TURN, TURN) // (6 * count)
        length = far * chance.between(88, 104) // 100
        light = chance.between(84, 108)
        outline = petal(profile, near, length, width * chance.between(85, 115) // 100)
        patches.append(Patch(turned(outline, angle), shade(colour, light)))
        inner = petal(profile, near, length * 80 // 100, width * 35 // 100)
        patches.append(Patch(turned(inner, angle), shade(colour, light - 10)))
    return patches


def daisy(chance: Chance) -> list[Patch]:
    """Many narrow white petals around a small yellow disc."""
    count, colour = chance.between(13, 26), varied(WHITE, chance)
    width = 7000 // count
    patches = []
    if chance.percent(40):
        patches += ring(chance, count, BLUNT, (200, 1010), width, shade(colour, 85))
    patches += ring(chance, count, BLUNT, (200, 1010), width, colour)
    middle, heart = chance.between(230, 330), varied(YELLOW, chance)
    patches += [Patch(disc(middle), shade(heart, 80)), Patch(disc(middle * 4 // 5), heart)]
    return patches + _dots(chance, middle * 4 // 5, 14, 26, shade(heart, 88))


def dandelion(chance: Chance) -> list[Patch]:
    """A yellow head of thin petals up to its middle, or the white ball that it becomes."""
    if chance.percent(20):
        return _ball(chance)
    colour, patches = varied(YELLOW, chance), []
    for far, light in ((1010, 84), (840, 92), (640, 100), (420, 106), (240, 96)):
        count = 10 + far // 24
        patches += ring(chance, count, STRAIGHT, (20, far), 75, shade(colour, light))
    return patches


def _ball(chance: Chance) -> list[Patch]:
    gray = chance.between(190, 245)
    colour = (gray, gray, gray)
    patches = [Patch(disc(1000, 28), shade(colour, 72)), Patch(disc(820, 24), shade(colour, 78))]
    for far in (1010, 800, 560):
        count = far // 20
        patches += ring(chance, count, STRAIGHT, (100, far), 26, colour)
        patches += _dots(chance, far, count // 2, 34, shade(colour, 108))
    return [*patches, Patch(disc(130), shade(varied(GREEN, chance), 110))]


def rose(chance: Chance) -> list[Patch]:
    """Round petals over each other, turning inwards, darker towards the middle."""
    colour = varied(chance.choice((RED, RED, PINK, WHITE, YELLOW, ORANGE)), chance)
    patches, far, light = [], 1000, 104
    while far > 170:
        count = 5 if far > 600 else 4 if far > 350 else 3
        width = far * chance.between(135, 165) // 100
        edge = ring(chance, count, ROUND, (0, far), width, shade(colour, light))
        inner = ring(chance, count, ROUND, (0, far * 90 // 100), width, shade(colour, light - 22))
        patches += [*edge[::2], *inner[::2]]
        far, light = far * chance.between(74, 82) // 100, light - 5
    return [*patches, Patch(disc(120), shade(colour, 55))]


def sunflower(chance: Chance) -> list[Patch]:
    """Two rings of pointed yellow petals around a large dark disc."""
    count, colour = chance.between(16, 28), varied((*YELLOW, ORANGE[0]), chance)
    width, middle = 8000 // count, chance.between(420, 560)
    patches = ring(chance, count, POINTED, (300, 1020), width, shade(colour, 82))
    patches += ring(chance, count, POINTED, (300, 960), width, colour)
    heart = varied(BROWN, chance)
    patches += [Patch(disc(middle), shade(heart, 130)), Patch(disc(middle * 3 // 5), heart)]
    return patches + _dots(chance, middle, 40, 30, shade(heart, 190))


def tulip(chance: Chance) -> list[Patch]:
    """A cup of upright petals, seen from the side."""
    colour = varied(chance.choice((RED, PINK, YELLOW, PURPLE, ORANGE, WHITE)), chance)
    up, patches = -TURN // 4, []
    opening = chance.between(140, 330)
    for lean, light, broad in ((-1, 82, 800), (1, 86, 800), (0, 72, 700), (-2, 100, 780),
                               (2, 104, 780), (0, 112, 820)):  # fmt: skip
        angle = up + lean * opening // 2 + chance.between(-40, 40)
        length = 1800 * chance.between(92, 102) // 100 - abs(lean) * 60
        outline = turned(petal(EGG, 0, length, broad), angle) + np.array([0, 850])
        patches.append(Patch(outline, shade(colour, light)))
        small = petal(EGG, 100, length * 85 // 100, broad * 30 // 100)
        inner = turned(small, angle) + np.array([0, 850])
        patches.append(Patch(inner, shade(colour, light - 8)))
    return patches


def _dots(chance: Chance, radius: int, count: int, size: int, colour: Colour) -> list[Patch]:
    dot, patches = disc(size, 6), []
    for _ in range(count):
        place = np.array([radius * chance.between(10, 95) // 100, 0])
        patches.append(Patch(dot + turned(place, chance.below(TURN)), colour))
    return patches


KINDS: dict[str, Callable[[Chance], list[Patch]]] = {
    "daisy": daisy, "dandelion": dandelion, "roses": rose, "sunflowers": sunflower,
    "tulips": tulip,
}  # fmt: skip
