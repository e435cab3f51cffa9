"""Generated digits in MNIST's files: for trying things out where MNIST cannot be had. Not MNIST.

Ten digits drawn by strokes, white on black, 28 x 28: bent, slanted, turned, scaled, thick and
thin, some with noise. Every image follows from the seed and its own number by whole-number
arithmetic alone, so that all machines and all versions of NumPy draw the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.aside import Aside, folder
from caffe_mnist.datasets.chance import GOLDEN, mix
from caffe_mnist.datasets.conversion import Progress
from caffe_mnist.datasets.glyphs import GLYPHS, STEPS, Glyph
from caffe_mnist.errors import CaffeMnistError

SIDE = 28

# Positions are counted in sixteenths of a pixel.
FINE = 16

# Test images have numbers that no training set reaches.
FIRST_TEST_IMAGE = 1 << 40

# So many images are drawn at once; it bounds the memory and changes no image.
BATCH = 16

# What is drawn by chance for one image, in this order: least and largest value. The scales are
# 65536ths of (1/16 pixel) per (1/64 unit of a glyph).
CHANCES = {
    "wide": (1750, 2600),
    "high": (2750, 3400),
    "slant": (-1100, 500),
    "turn": (-600, 600),
    "right": (-24, 24),
    "down": (-24, 24),
    "core": (6, 24),
    "edge": (13, 20),
    "peak": (190, 255),
    "noise": (-30, 30),
}


def write(
    out: str | os.PathLike[str],
    *,
    train: int = 6000,
    test: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a generated set to the folder `out`: MNIST's four IDX files and two databases.

    Raises CaffeMnistError when one of them exists (unless `overwrite`) or cannot be written;
    then, as after any exception, nothing is left behind.
    """
    out = os.fspath(out)
    with folder(out):
        there = [name for name in mnist.NAMES if os.path.lexists(os.path.join(out, name))]
        if there and not overwrite:
            raise CaffeMnistError(
                f"{', '.join(there)} exist already", where=out, hint="--overwrite replaces them"
            )
        try:
            aside = Aside(os.path.join(os.path.realpath(out), "digits"))
        except OSError as error:
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=out) from None
        try:
            write_idx(aside.path, train=train, test=test, seed=seed, progress=progress)
            asked = {"generated": "digits", "train": train, "test": test, "seed": seed}
            mnist.convert(aside.path, out, overwrite=overwrite, progress=progress, arguments=asked)
            for name in mnist.NAMES:
                os.replace(os.path.join(aside.path, name), os.path.join(out, name))
        except OSError as error:
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=out) from None
        finally:
            aside.discard()


def write_idx(
    out: str | os.PathLike[str],
    *,
    train: int,
    test: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write only the four IDX files to the existing folder `out`; raises OSError."""
    sets = ((0, train, mnist.NAMES[:2]), (FIRST_TEST_IMAGE, test, mnist.NAMES[2:]))
    for first, count, (images, labels) in sets:
        images, labels = os.path.join(out, images), os.path.join(out, labels)
        with open(images, "wb") as pixel_file, open(labels, "wb") as label_file:
            pixel_file.write(_header(count, SIDE, SIDE))
            label_file.write(_header(count))
            for done in range(0, count, 1000):
                size = min(1000, count - done)
                pixels, numbers = draw(first + done, size, seed)
                pixel_file.write(pixels.tobytes())
                label_file.write(numbers.tobytes())
                if progress is not None:
                    progress(os.path.basename(images), done + size, count)
            for file in (pixel_file, label_file):
                file.flush()
                os.fsync(file.fileno())


def draw(first: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images number `first` to `first + count` (uint8, count x 28 x 28) and labels (uint8)."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    chosen = _chance(seed, numbers, 0, 1)[:, 0] % np.uint64(len(GLYPHS))
    pixels = np.empty((count, SIDE, SIDE), np.uint8)
    labels = np.empty(count, np.uint8)
    for index, glyph in enumerate(GLYPHS):
        places = np.flatnonzero(chosen == index)
        labels[places] = glyph.label
        for at in range(0, len(places), BATCH):
            some = places[at : at + BATCH]
            pixels[some] = _images(glyph, seed, numbers[some])
    return pixels, labels


def _images(glyph: Glyph, seed: int, numbers: np.ndarray) -> np.ndarray:
    """One glyph drawn for each of `numbers`."""
    by_chance = dict(zip(CHANCES, _ranges(_chance(seed, numbers, 1, len(CHANCES)))))
    points = np.array(glyph.points, np.int64) * 64 - 50 * 64
    jitter = _chance(seed, numbers, 100, points.size) % np.uint64(2 * glyph.jitter + 1)
    moved = points + jitter.astype(np.int64).reshape(-1, *points.shape) - glyph.jitter
    dots = glyph.spline() @ moved // (2 * STEPS**3)
    pixels: np.ndarray = _paint(*_place(dots, by_chance), by_chance)
    grain = _chance(seed, numbers, 10_000, SIDE * SIDE).reshape(pixels.shape) & np.uint64(0xFF)
    strength = np.maximum(by_chance["noise"], 0)[:, None, None]
    noisy: np.ndarray = pixels + (grain.astype(np.int64) * 2 - 255) * strength // 255
    drawn: np.ndarray = np.clip(noisy, 0, 255).astype(np.uint8)
    return drawn


def _place(dots: np.ndarray, by_chance: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where the dots (images x dots x 2) come to lie: scaled, slanted, turned, near the middle."""
    wide, high, slant, turn = (by_chance[n][:, None] for n in ("wide", "high", "slant", "turn"))
    x, y = dots[..., 0], dots[..., 1]
    places = []
    for found, shift in ((wide * x + slant * y, "right"), (high * y + turn * x, "down")):
        found = found >> 16
        middle = (found.min(axis=1) + found.max(axis=1)) // 2
        found = found - middle[:, None] + SIDE * FINE // 2 + by_chance[shift][:, None]
        places.append(found)
    return places[0], places[1]


def _paint(x: np.ndarray, y: np.ndarray, by_chance: dict[str, np.ndarray]) -> np.ndarray:
    """Brightness (images x 28 x 28) from the distance to the nearest dot."""
    centres = np.arange(SIDE, dtype=np.int64) * FINE + FINE // 2
    far = 32767  # two of it still fit in 16 bits
    across = np.minimum((x[:, :, None] - centres) ** 2, far).astype(np.uint16)
    along = np.minimum((y[:, :, None] - centres) ** 2, far).astype(np.uint16)
    nearest = np.full((len(x), SIDE, SIDE), 2 * far, np.uint16)
    for dot in range(x.shape[1]):
        np.minimum(nearest, along[:, dot, :, None] + across[:, dot, None, :], out=nearest)
    core, edge, peak = (by_chance[n][:, None, None] for n in ("core", "edge", "peak"))
    inner, outer = core**2, (core + edge) ** 2
    bright: np.ndarray = (outer - nearest.astype(np.int64)) * peak // (outer - inner)
    bright = np.clip(bright, 0, peak)
    return bright


def _ranges(drawn: np.ndarray) -> Iterator[np.ndarray]:
    for column, (least, largest) in enumerate(CHANCES.values()):
        width = np.uint64(largest - least + 1)
        yield (drawn[:, column] % width).astype(np.int64) + least


def _chance(seed: int, numbers: np.ndarray, first: int, count: int) -> np.ndarray:
    """Random 64-bit numbers (images x count): splitmix64 of seed, image number and place."""
    start = mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], np.uint64))
    image = mix(numbers + start)[:, None]
    places = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    return mix(image + places * np.uint64(GOLDEN))


def _header(*sizes: int) -> bytes:
    """An IDX file's beginning; see idx.py."""
    return bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
