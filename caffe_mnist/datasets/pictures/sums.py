"""The sums of all records' pixels, as compute_image_mean adds them up."""

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

Shape = tuple[int, int, int]


class Sums:
    """Sums of C × H × W pixels in single precision, one record after the other, as Caffe does.

    `total` is None before the first record, and for good after one of another size, or of more
    than LARGEST_MEAN values: there is no mean then. `records` are counted in any case.
    """

    def __init__(self) -> None:
        self.total: npt.NDArray[np.float32] | None = None
        self.records = 0
        self.mixed = False

    def add(self, pixels: memoryview, shape: Shape) -> None:
        """Add one record's pixels."""
        import numpy as np  # here, while the workers are starting, too

        self.records += 1
        total = self._total_for(shape)
        if total is not None:
            np.add(total, np.frombuffer(pixels, np.uint8).reshape(shape), out=total)

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
            total += rows.sum(0, dtype=np.uint16).reshape(shape)

    def _total_for(self, shape: Shape) -> npt.NDArray[np.float32] | None:
        """The sums to which pixels of that shape are added, if there still are any."""
        import numpy as np

        if self.total is None and not self.mixed:
            if shape[0] * shape[1] * shape[2] > LARGEST_MEAN:
                self.give_up()
            else:
                self.total = np.zeros(shape, np.float32)
        elif self.total is not None and self.total.shape != shape:
            self.give_up()
        return self.total

    def give_up(self) -> None:
        """There is no mean of these records."""
        self.mixed, self.total = True, None

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
            os.replace(aside, path)

    @classmethod
    def load(cls, path: str, most: int) -> Sums:
        """Those of a file, or none where there is no whole one of at most so many records."""
        import numpy as np

        sums = cls()
        with contextlib.suppress(OSError, ValueError, EOFError), open(path, "rb") as file:
            records, total = int(np.load(file)), np.load(file)
            if records <= most and total.ndim == 3:
                sums.records, sums.total = records, total.astype(np.float32)
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
