"""The list of a WindowData layer, and how a window is cut out of its picture.

For each picture the file has `# NUMBER`, then lines with the picture's path, its channels, height
and width, the number of its windows, and for each window its class, its overlap with an object,
and its corners x1 y1 x2 y2 (pixels, both inside the window).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.engine.data.picture_list import whole_number
from caffe_mnist.engine.data.pictures import load_opencv
from caffe_mnist.errors import CaffeMnistError


@dataclass(frozen=True)
class Window:
    """One window: its picture's path and channels, its class, and where it is."""

    path: str
    channels: int
    label: int
    overlap: float
    corners: tuple[int, int, int, int]


@dataclass(frozen=True)
class Cut:
    """How windows are cut out: the size of the result (pixels), its border, and its shape.

    `context` pixels of the result on each side show what surrounds the window; with `square`,
    the window is widened to a square first, otherwise its proportions are lost.
    """

    size: int
    context: int
    square: bool

    def place(self, window: Window, rows: int, columns: int) -> tuple[Any, Any, tuple[int, int]]:
        """Rows and columns of the picture (first, last), and those of the result they fill.

        The second is ((first, length), (first, length)) of rows and columns, and the third how
        much is left free at the right and the bottom, for mirroring.
        """
        x1, y1, x2, y2 = window.corners
        if not (self.context or self.square):
            return ((y1, y2), (x1, x2)), ((0, self.size), (0, self.size)), (0, 0)
        scale = np.float32(self.size) / np.float32(self.size - 2 * self.context)
        half = [np.float32(b - a + 1) / np.float32(2) for a, b in ((y1, y2), (x1, x2))]
        centre = [np.float32(a) + h for a, h in zip((y1, x1), half)]
        if self.square:
            half = [max(half)] * 2
        spans, filled, free = [], [], []
        for c, h, limit in zip(centre, half, (rows, columns)):
            first, last = rounded(c - h * scale), rounded(c + h * scale)
            warp = np.float32(self.size) / np.float32(last - first + 1)
            before, after = max(0, -first), max(0, last - limit + 1)
            first, last = first + before, last - after
            start, end = rounded(before * warp), rounded(after * warp)
            length = rounded((last - first + 1) * warp)
            spans.append((first, last))
            filled.append((start, length))
            free.append(end)
        return tuple(spans), tuple(filled), (free[0], free[1])

    def values(
        self, picture: npt.NDArray[np.uint8], window: Window, mirror: bool
    ) -> tuple[npt.NDArray[np.uint8], int, int]:
        """The warped window (h × w × C), and the row and column of the result where it begins."""
        opencv = load_opencv(window.path)
        (ys, xs), ((top, height), (left, width)), free = self.place(window, *picture.shape[:2])
        part = picture[ys[0] : ys[1] + 1, xs[0] : xs[1] + 1]
        if not part.size or min(ys[0], xs[0]) < 0 or min(height, width) < 1:
            raise CaffeMnistError(
                f"window {window.corners} lies outside the picture", where=window.path
            )
        left = free[1] if mirror else left
        height, width = min(height, self.size - top), min(width, self.size - left)
        part = opencv.resize(part, (width, height))
        return (part[:, ::-1] if mirror else part), top, left


def rounded(value: Any) -> int:
    """To the nearest whole number, halves away from zero as C's round()."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def read_windows(path: str, folder: str) -> list[Window]:
    """All windows of a file; `folder` is put before the pictures' paths as it is.

    Raises CaffeMnistError for a file that breaks off or holds something else.
    """
    try:
        words = iter(Path(path).read_text(errors="surrogateescape").split())
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    windows: list[Window] = []
    pictures = 0
    try:
        for mark in words:
            if mark != "#":
                raise ValueError(f"{mark!r} where '# NUMBER' of a picture should be")
            next(words)
            windows += _windows(words, folder)
            pictures += 1
    except (ValueError, StopIteration, RuntimeError) as error:
        what = str(error) if isinstance(error, ValueError) else "the file breaks off"
        raise CaffeMnistError(f"picture {pictures + 1}: {what}", where=path) from None
    if not pictures:
        raise CaffeMnistError("lists no pictures", where=path)
    return windows


def _windows(words: Iterator[str], folder: str) -> list[Window]:
    name = folder + next(words)
    if "\0" in name:
        raise ValueError("its path holds a zero byte")
    channels, _, _, count = (whole_number(next(words)) for _ in range(4))
    if channels < 1:
        raise ValueError(f"{channels} channels")
    windows = []
    for _ in range(count):
        label, overlap = whole_number(next(words)), float(next(words))
        x1, y1, x2, y2 = (whole_number(next(words)) for _ in range(4))
        windows.append(Window(name, channels, label, overlap, (x1, y1, x2, y2)))
    return windows
