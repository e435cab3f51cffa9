"""The sums of all records' pixels, as compute_image_mean adds them up, and of their squares."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from caffe_mnist.datasets.datum import Image, decode

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# No net takes more values; of larger pictures no mean is made, for want of memory.
LARGEST_MEAN = 2**26
# Whole numbers up to here, and so their sums in any order, are exact in single precision.
EXACT = 2**24
MOST_ROWS = 257  # of bytes, whose sums fit 16 bits
# Squares of so many bytes are added up exactly in single precision, which is fast.
MOST_SQUARES = EXACT // 255**2
# Of larger pictures no deviation is made: its sums are in double precision.
LARGEST_DEVIATION = 2**24

Shape = tuple[int, int, int]


class Sums:
    """Sums of C × H × W pixels in single precision, one record after the other, as Caffe does.

    `total` is None before the first record, and for good after one of another size, or of more
    than LARGEST_MEAN values: there is no mean then. `records` are counted in any case. `moments`
    are the sums and those of the squares (2 × C × H × W, exact; see deviation.py).
    """

    def __init__(self) -> None:
        self.total: npt.NDArray[np.float32] | None = None
        self.records = 0
        self.mixed = False
        self._moments: npt.NDArray[np.float64] | None = None
        # The latest squares, a row, and of how many records they are.
        self._squares: npt.NDArray[np.float32] | None = None
        self._squared = 0

    @property
    def moments(self) -> npt.NDArray[np.float64] | None:
        """Sums and sums of squares; None where there is no mean, or it is too large."""
        if self._moments is not None and self._squares is not None and self._squared:
            self._moments[1] += self._squares.reshape(self._moments.shape[1:])
            self._squares[:] = 0
            self._squared = 0
        return self._moments

    def add(self, pixels: memoryview, shape: Shape) -> None:
        """Add one record's pixels."""
        import numpy as np  # here, while the workers are starting, too

        self.records += 1
        total = self._total_for(shape)
        if total is not None:
            row = np.frombuffer(pixels, np.uint8)
            np.add(total, row.reshape(shape), out=total)
            if self._moments is not None:
                self._moments[0] += row.reshape(shape)
                self._add_squares(row[None])

    def add_rows(self, rows: npt.NDArray[np.uint8], shape: Shape) -> None:
        """Add several records' pixels, a row each; three times as fast where that is exact."""
        import numpy as np

        if self.records + len(rows) > EXACT // 255 or len(rows) > MOST_ROWS:
            for row in rows:
                self.add(memoryview(row), shape)
            return
        self.records += len(rows)
        total = self._total_for(shape)
        if total is not None:
            added = rows.sum(0, dtype=np.uint16).reshape(shape)
            total += added
            if self._moments is not None:
                self._moments[0] += added
                self._add_squares(rows)

    def _add_squares(self, rows: npt.NDArray[np.uint8]) -> None:
        import cv2

        assert self._squares is not None, "made with the moments"
        if self._squared + len(rows) > MOST_SQUARES:
            self.moments  # noqa: B018 - takes the latest over
        self._squared += len(rows)
        for row in rows:
            cv2.accumulateSquare(row[None], self._squares)

    def _total_for(self, shape: Shape) -> npt.NDArray[np.float32] | None:
        """The sums to which pixels of that shape are added, if there still are any."""
        import numpy as np

        if self.total is None and not self.mixed:
            if shape[0] * shape[1] * shape[2] > LARGEST_MEAN:
                self.give_up()
            else:
                self.total = np.zeros(shape, np.float32)
                if self.total.size <= LARGEST_DEVIATION:
                    self._start_moments(np.zeros((2, *shape)))
        elif self.total is not None and self.total.shape != shape:
            self.give_up()
        return self.total

    def give_up(self) -> None:
        """There is no mean of these records."""
        self.mixed, self.total = True, None
        self._moments = self._squares = None

    def _start_moments(self, moments: npt.NDArray[np.float64]) -> None:
        import numpy as np

        self._moments = moments
        self._squares, self._squared = np.zeros((1, moments[0].size), np.float32), 0

    def save(self, path: str) -> None:
        """Write them beside the database, for a run that goes on; failing to is no harm."""
        if self.total is None:
            return
        import numpy as np

        aside = f"{path}.new"
        with contextlib.suppress(OSError):
            with open(aside, "wb") as file:
                np.save(file, np.float64(self.records))
                np.save(file, self.total)
                moments = self.moments
                np.save(file, np.zeros(0) if moments is None else moments)
            os.replace(aside, path)

    @classmethod
    def load(cls, path: str, most: int) -> Sums:
        """Those of a file, or none where there is no whole one of at most so many records."""
        import numpy as np

        sums = cls()
        with contextlib.suppress(OSError, ValueError, EOFError), open(path, "rb") as file:
            records, total, moments = int(np.load(file)), np.load(file), np.load(file)
            if records <= most and total.ndim == 3:
                sums.records, sums.total = records, total.astype(np.float32)
                if moments.shape == (2, *total.shape):
                    sums._start_moments(moments)
        return sums

    def catch_up(self, records: Iterable[tuple[bytes, memoryview]]) -> None:
        """Add those of a database's records (all of them, from the first on) that are missing.

        Encoded records need OpenCV.
        """
        import numpy as np

        for key, value in islice(records, self.records, None):
            if self.mixed:
                return
            datum = decode(value, key)
            if isinstance(datum, Image):
                self.add(memoryview(datum.pixels), datum[:3])
                continue
            from caffe_mnist.datasets.pictures.decode import pixels_of

            seen = pixels_of(datum.data)
            if seen is None:
                self.give_up()
                return
            pixels = np.atleast_3d(seen).transpose(2, 0, 1)
            channels, height, width = pixels.shape
            self.add(memoryview(pixels.tobytes()), (channels, height, width))
