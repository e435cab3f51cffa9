"""Batches of a record database, in order and without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode, decode_batch
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.engine.data.pictures import decode_picture
from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.errors import CaffeMnistError

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
Record = tuple[bytes, "bytes | memoryview"]


def batches(
    database: Database | LevelDatabase,
    transform: Transform,
    size: int,
    start: int,
    restarted: Callable[[], None],
) -> Iterator[Batch]:
    """Batches of `size` transformed pictures (N × C × H × W) with their labels (N).

    Begins at record `start` (modulo the number of records) and calls `restarted` whenever the
    database starts over.
    """
    records = _records(database, start % len(database), restarted)
    while True:
        yield batch(list(islice(records, size)), transform, database.path)


def batch(records: list[Record], transform: Transform, where: str) -> Batch:
    """Pictures and labels of some records, transformed."""
    plain = decode_batch(records, where)
    if plain is not None:
        return transform.batch(plain[0]), plain[1].astype(np.float32)
    pictures, labels = [], np.empty(len(records), np.float32)
    for index, (key, value) in enumerate(records):
        picture, labels[index] = _picture(key, value, transform, where)
        pictures.append(transform.batch(picture[None])[0])
    if any(picture.shape != pictures[0].shape for picture in pictures):
        raise CaffeMnistError(
            "pictures of several sizes in one batch", where=where, hint="set a crop_size"
        )
    return np.stack(pictures), labels


def _picture(
    key: bytes, value: bytes | memoryview, transform: Transform, where: str
) -> tuple[npt.NDArray[Any], int]:
    """One record of any kind as a C × H × W picture and its label."""
    record = decode(value, key, where)
    shape = (record.channels, record.height, record.width)
    if isinstance(record, Image):
        return np.frombuffer(record.pixels, np.uint8).reshape(shape), record.label
    if record.encoded:
        place = f"{where}: record {key.decode(errors='replace')}"
        return decode_picture(record.data, transform.colour, place), record.label
    return np.array(record.float_data, np.float32).reshape(shape), record.label


def _records(
    database: Database | LevelDatabase, start: int, restarted: Callable[[], None]
) -> Iterator[Record]:
    while True:
        yield from database.records(start)
        start = 0
        restarted()
