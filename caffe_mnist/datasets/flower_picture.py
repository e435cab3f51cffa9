"""One picture of flowers: background, stems, blossoms, then light, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np

from caffe_mnist.datasets.blossoms import (
    GREEN,
    KINDS,
    ONE,
    POINTED,
    TURN,
    UNIT,
    Colour,
    petal,
    rotation,
    shade,
    turned,
    varied,
)
from caffe_mnist.datasets.chance import Chance

# Positions are counted in sixteenths of a pixel (OpenCV calls that a shift of four bits).
SHIFT = 4
FINE = 1 << SHIFT

BACKGROUNDS: tuple[Colour, ...] = (
    *GREEN, (60, 90, 110), (40, 70, 90), (225, 190, 150), (200, 205, 205), (90, 95, 100),
    (25, 25, 30), (150, 170, 190), (120, 90, 70), (230, 230, 235), (40, 60, 30),
)  # fmt: skip


def draw(kind: str, size: int, chance: Chance) -> np.ndarray:
    """Pixels (height x width x 3, blue first) of a picture whose longer side is `size`."""
    shorter = max(8, size * chance.between(66, 100) // 100)
    height, width = (shorter, size) if chance.percent(60) else (size, shorter)
    pixels = _background(height, width, chance)
    for x, y, radius in _places(height, width, chance):
        _flower(pixels, kind, x, y, radius, chance)
    pixels = _lit(pixels, chance)
    blur = chance.between(-12, 16)
    if blur > 0:
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur * size / 3200)
    return _grained(pixels, chance)


def _background(height: int, width: int, chance: Chance) -> np.ndarray:
    """Patches of a few colours, out of focus."""
    small = np.empty((24, 24, 3), np.uint8)
    small[:] = ground = varied(BACKGROUNDS, chance)
    for _ in range(chance.between(0, 14)):
        colour = shade(varied(BACKGROUNDS, chance) if chance.percent(40) else ground,
                       chance.between(60, 130))  # fmt: skip
        axes = (chance.between(1, 10), chance.between(1, 8))
        place = (chance.below(24), chance.below(24))
        cv2.ellipse(small, place, axes, chance.below(180), 0, 360, colour, -1)
    if chance.percent(80):
        small = np.asarray(cv2.blur(small, (3, 3)), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR_EXACT))


def _places(height: int, width: int, chance: Chance) -> list[tuple[int, int, int]]:
    """Middle and radius of each flower, in parts of a pixel; the small ones first."""
    count = 1 if chance.percent(55) else chance.between(2, 6)
    shorter, places = min(height, width) * FINE, []
    for _ in range(count):
        share = chance.between(24, 46) if count == 1 else chance.between(12, 28)
        away = 18 if count == 1 else 38
        x = width * FINE * (50 + chance.between(-away, away)) // 100
        y = height * FINE * (50 + chance.between(-away, away)) // 100
        places.append((x, y, shorter * share // 100))
    return sorted(places, key=lambda place: place[2])


def _flower(pixels: np.ndarray, kind: str, x: int, y: int, radius: int, chance: Chance) -> None:
    """A blossom with its stem; tulips stand, the others look anywhere."""
    upright = kind == "tulips"
    turn = chance.between(-TURN // 12, TURN // 12) if upright else chance.below(TURN)
    if upright or chance.percent(60):
        _stem(pixels, x, y, radius, turn if upright else chance.between(-300, 300), chance)
    squash = chance.between(85, 100) if upright else chance.between(55, 100)
    shape = rotation(turn) * radius // UNIT
    if not upright:  # seen from aside
        tilt = np.array([[100, 0], [0, squash]])
        shape = rotation(chance.below(TURN)) @ tilt // 100 @ shape // ONE
    for points, colour in KINDS[kind](chance):
        _paint(pixels, points @ shape.T // ONE + (x, y), colour)


def _stem(pixels: np.ndarray, x: int, y: int, radius: int, turn: int, chance: Chance) -> None:
    """From the blossom downwards, with a leaf or two."""
    colour = varied(GREEN, chance)
    thick = max(radius // 14, FINE)
    foot = turned(np.array([0, 6 * radius]), turn) + np.array([x, y])
    side = turned(np.array([thick, 0]), turn)
    top = np.array([x, y])
    _paint(pixels, np.stack([top - side, top + side, foot + side, foot - side]), colour)
    for _ in range(chance.between(0, 3)):
        length = chance.between(900, 2200)
        leaf = petal(POINTED, 0, length, chance.between(200, 500))
        angle = turn - TURN // 4 + chance.between(-TURN // 6, TURN // 6)
        place = top + (foot - top) * chance.between(25, 60) // 100
        leaf = turned(leaf, angle) * radius // UNIT + place
        _paint(pixels, leaf, shade(colour, chance.between(75, 125)))


def _paint(pixels: np.ndarray, points: np.ndarray, colour: Colour) -> None:
    cv2.fillPoly(pixels, [points.astype(np.int32)], colour, cv2.LINE_AA, SHIFT)


def _lit(pixels: np.ndarray, chance: Chance) -> np.ndarray:
    """Light that falls off to one side, of some strength and colour."""
    height, width = pixels.shape[:2]
    strength = chance.between(600, 1250)
    across, down = chance.between(-300, 300), chance.between(-300, 300)
    x = np.arange(width, dtype=np.int32) * across // width
    y = np.arange(height, dtype=np.int32) * down // height
    light = strength - (across + down) // 2 + x + y[:, None]
    tint = np.array([chance.between(930, 1070) for _ in range(3)], np.int32)
    lit = pixels.astype(np.int32) * (light[:, :, None] * tint >> 10) >> 10
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _grained(pixels: np.ndarray, chance: Chance) -> np.ndarray:
    strength = chance.between(-10, 28)
    if strength <= 0:
        return pixels
    grain = chance.bytes(pixels.size).reshape(pixels.shape).astype(np.int16) - 128
    noisy: np.ndarray = np.clip(pixels + grain * strength // 128, 0, 255)
    return noisy.astype(np.uint8)
