"""The mean image of a database (`.binaryproto`), added up as Caffe's compute_image_mean does.

Caffe adds one record after the other in single precision, so that sums above 2**24 are rounded
on the way; the same is done here, and the files are equal byte by byte.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.chosen import Record
from caffe_mnist.datasets.datum import Image, decode, decode_batch
from caffe_mnist.datasets.sources import open_finite
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BATCH = 256
# Whole numbers up to here, and so their sums in any order, are exact in single precision.
EXACT = 2**24


def mean_image(
    path: str | os.PathLike[str],
    picture: Callable[[bytes, object], Any],
    progress: Callable[[str, int, int], None] | None = None,
) -> Floats:
    """The mean of all records of the database `path`, C × H × W; see `image_statistics`."""
    return image_statistics(path, picture, progress)[0]


def image_statistics(
    path: str | os.PathLike[str],
    picture: Callable[[bytes, object], Any],
    progress: Callable[[str, int, int], None] | None = None,
    *,
    squares: bool = False,
) -> tuple[Floats, Doubles | None, int]:
    """Mean, moments and number of all records of the database `path`; C × H × W, 2 × C × H × W.

    Moments only with `squares` (see deviation.py).

    `path` may also name an index, or a part of a dataset as a Data layer's source does.
    `picture` makes pixels of an encoded record's bytes. Raises CaffeMnistError for broken
    records and for such of another size than the first.
    """
    with contextlib.closing(open_finite(path)) as database:
        name, total = os.path.basename(os.path.realpath(database.path)), len(database)
        records, done = database.records(), 0
        mean: Floats | None = None
        moments: Doubles | None = None
        while batch := list(islice(records, BATCH)):
            for pixels in _pixels(batch, database.path, picture):
                if mean is None:
                    mean = np.zeros(pixels.shape[1:], np.float32)
                    moments = np.zeros((2, *mean.shape)) if squares else None
                if pixels.shape[1:] != mean.shape:
                    sizes = (" x ".join(map(str, s)) for s in (pixels.shape[1:], mean.shape))
                    what = "records of different sizes: {} after {}".format(*sizes)
                    raise CaffeMnistError(what, where=path)
                _add(pixels, mean)
                if moments is not None:
                    values = pixels.astype(np.float64)
                    moments += values.sum(0), np.square(values).sum(0)
            done += len(batch)
            if progress is not None:
                progress(name, done, total)
        assert mean is not None, "a database has records"
        mean /= np.float32(done)
        return mean, moments, done


def write_mean(path: str | os.PathLike[str], mean: Floats) -> None:
    """Write a mean image C × H × W, aside first and then renamed."""
    blob = caffe_pb2.BlobProto(num=1)
    blob.channels, blob.height, blob.width = mean.shape
    blob.data.extend(mean.ravel().tolist())
    write_binary(path, blob)


def channel_means(mean: Floats) -> list[float]:
    """The mean of each channel, added up in Caffe's order and precision."""
    sums = np.cumsum(mean.reshape(len(mean), -1), axis=1, dtype=np.float32)[:, -1]
    return [float(value) for value in sums / np.float32(mean[0].size)]


def _pixels(
    batch: list[Record], where: str, picture: Callable[[bytes, object], Any]
) -> Iterator[npt.NDArray[Any]]:
    """The pixels of records as N × C × H × W, in one piece where all of them are plain."""
    plain = decode_batch(batch, where)
    if plain is not None:
        yield plain[0]
        return
    for key, value in batch:
        datum = decode(value, key, where)
        shape = (1, datum.channels, datum.height, datum.width)
        if isinstance(datum, Image):
            yield np.frombuffer(datum.pixels, np.uint8).reshape(shape)
        elif datum.encoded:
            yield picture(datum.data, f"{where}: record {key.decode('utf-8', 'replace')}")[None]
        else:
            yield np.array(datum.float_data, np.float32).reshape(shape)


def _add(pixels: npt.NDArray[Any], total: Floats) -> None:
    """Add N × C × H × W pixels to `total`, in any order while that is exact."""
    if pixels.dtype == np.uint8 and float(np.abs(total).max()) + 255 * len(pixels) <= EXACT:
        # Sums of floats that were added before may have fractions: those go one by one.
        whole = np.floor(total)
        if np.array_equal(whole, total):
            total += pixels.sum(0, dtype=np.uint32).astype(np.float32)
            return
    for one in pixels:
        total += one
