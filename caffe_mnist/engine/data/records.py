"""Batches of records, in order and without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.chosen import Record, Source
from caffe_mnist.datasets.datum import Image, decode, decode_batch
from caffe_mnist.datasets.sources import Mixture, endless
from caffe_mnist.engine.data.pictures import decode_picture
from caffe_mnist.engine.data.transform import Floats, Transform
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.errors import CaffeMnistError

Batch = tuple[Floats, Floats]
Picture = npt.NDArray[Any]


class Batches:
    """Batches of `size` transformed pictures (N × C × H × W) with their labels (N).

    Of `solvers` that train on the same source, the one of number `rank` takes the records
    i with i % solvers == rank of the endless stream, as Caffe's Data layers do. `restarted` is
    called whenever the source starts over.
    """

    def __init__(
        self,
        source: Source | Mixture,
        transform: Transform,
        size: int,
        restarted: Callable[[], None],
        rank: int = 0,
        solvers: int = 1,
    ) -> None:
        self.source, self.transform, self.size = source, transform, size
        self.workers = Workers()
        self._restarted = restarted
        self._rank, self._solvers = rank, solvers

    def first(self) -> Picture:
        """The first record's picture, transformed without a draw: for its shape."""
        record = [next(iter(endless(self.source, 0, self._restarted)))]
        pictures, _ = batch(record, self.transform, self.source.path, Workers(1))
        picture: Picture = pictures[0]
        return picture

    def read(self, taken: int) -> Iterator[Batch]:
        """The batches after all solvers took so many; draws go on where the transform is."""
        records = endless(self.source, taken * self.size, self._restarted)
        mine = islice(records, self._rank, None, self._solvers)
        where = self.source.path
        while True:
            yield batch(list(islice(mine, self.size)), self.transform, where, self.workers)


def batch(records: Sequence[Record], transform: Transform, where: str, workers: Workers) -> Batch:
    """Pictures and labels of some records, transformed."""
    plain = decode_batch(records, where)
    if plain is not None and transform.augmentation is None:
        # copying pixels is too little work to share
        return transform.batch(plain[0]), plain[1].astype(np.float32)
    found = workers.map(lambda record: _picture(*record, transform, where), records)
    varied = transform.varied([picture for picture, _ in found], workers)
    pictures = transformed(varied, transform, where, workers)
    return pictures, np.array([label for _, label in found], np.float32)


def transformed(
    pictures: Sequence[Picture], transform: Transform, where: str, workers: Workers
) -> Floats:
    """Pictures C × H × W, which may be of several sizes if they are cropped, as one batch."""
    drawn = transform.draw(len(pictures))
    shapes = [transform.shape(*picture.shape) for picture in pictures]
    if any(shape != shapes[0] for shape in shapes):
        raise CaffeMnistError(
            "pictures of several sizes in one batch", where=where, hint="set a crop_size"
        )
    result = np.empty((len(pictures), *shapes[0]), np.float32)
    workers.map(lambda one: transform.place(*one), zip(pictures, drawn, result))
    return result


def _picture(
    key: bytes, value: bytes | memoryview, transform: Transform, where: str
) -> tuple[Picture, int]:
    """One record of any kind as a C × H × W picture and its label."""
    record = decode(value, key, where)
    shape = (record.channels, record.height, record.width)
    if isinstance(record, Image):
        return np.frombuffer(record.pixels, np.uint8).reshape(shape), record.label
    if record.encoded:
        place = f"{where}: record {key.decode(errors='replace')}"
        return decode_picture(record.data, transform.colour, place), record.label
    return np.array(record.float_data, np.float32).reshape(shape), record.label
