"""Images and their labels: a pair of IDX files read side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator

from caffe_mnist.datasets.idx import IdxFile
from caffe_mnist.errors import CaffeMnistError

# One batch is this many images, or as many as these bytes hold.
BATCH_IMAGES = 1000
BATCH_BYTES = 1 << 20

# A batch's pixels, one image after the other, and its labels, a byte each.
Batch = tuple[bytes, bytes]


class LabelledImages:
    """An IDX file of images and one of labels, of equal counts.

    `count` images of `rows` x `columns` bytes. Raises CaffeMnistError for what IdxFile refuses
    and for counts that differ.
    """

    def __init__(self, images: str | os.PathLike[str], labels: str | os.PathLike[str]) -> None:
        self._images = IdxFile(images, 3)
        try:
            self._labels = IdxFile(labels, 1)
        except BaseException:
            self._images.close()
            raise
        self.count = self._images.count
        self.rows, self.columns = self._images.shape
        if self.count != self._labels.count:
            self.close()
            raise CaffeMnistError(
                f"{self.count} images, and {self._labels.count} labels in {self._labels.path}",
                where=self._images.path,
            )

    def __enter__(self) -> LabelledImages:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both files."""
        self._images.close()
        self._labels.close()

    def batches(
        self, limit: int | None = None, shuffle: int | None = None, spool: str | None = None
    ) -> Iterator[Batch]:
        """Pixels and labels, batch by batch, of all images or the first `limit`; once.

        With `shuffle`, a seed, the images come in an order drawn from it, and `limit` takes the
        first of that order. A compressed file is for this unpacked into an unnamed file in the
        folder `spool`. Raises CaffeMnistError for files that are not what their headers say.
        """
        count = self.count if limit is None else min(limit, self.count)
        size = max(1, min(BATCH_IMAGES, BATCH_BYTES // self._images.size))
        steps = [range(at, min(at + size, count)) for at in range(0, count, size)]
        if shuffle is not None:
            yield from self._shuffled(steps, shuffle, spool)
            return
        for step in steps:
            yield self._images.read(len(step)), self._labels.read(len(step))
        if count == self.count:
            self._images.finish()
            self._labels.finish()

    def _shuffled(self, steps: list[range], seed: int, spool: str | None) -> Iterator[Batch]:
        from array import array
        from random import Random

        labels = self._labels.read(self.count)
        self._labels.finish()
        order = array("L", range(self.count))
        Random(seed).shuffle(order)
        size = self._images.size
        with self._images.seekable(spool) as (file, start):
            for step in steps:
                chosen = order[step.start : step.stop]
                pixels = [os.pread(file, size, start + number * size) for number in chosen]
                yield b"".join(pixels), bytes([labels[number] for number in chosen])
