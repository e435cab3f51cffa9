"""A database as one `.npz` file, for programs that know NumPy and not Caffe.

Arrays: `images` (records x channels x height x width, uint8, or float32 for records of floats),
`labels` (int64), `keys` (bytes).
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from caffe_mnist.datasets.chosen import Source
from caffe_mnist.datasets.datum import Image, decode, decode_batch
from caffe_mnist.datasets.sources import open_finite
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

BATCH = 1000


def export(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> int:
    """Write all records of the database `path` to the file `out`; the number of records.

    `path` may also name an index, or a part of a dataset as a Data layer's source does. The
    images are written batch by batch, so that memory does not grow with them. Raises
    CaffeMnistError for records that are broken, of different sizes, or no 8-bit images, and for
    a target that exists (unless `overwrite`) or cannot be written; `out` is then as it was.
    """
    if os.path.lexists(out) and not overwrite:
        raise CaffeMnistError("exists already", where=out, hint="--overwrite replaces it")
    with contextlib.closing(open_finite(path)) as database, replacing(out) as aside:
        with zipfile.ZipFile(aside, "w") as archive:
            keys, labels = _images(database, archive, progress)
            for name, array in (("labels", labels), ("keys", keys)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        return len(database)


def _images(
    database: Source,
    archive: zipfile.ZipFile,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Write the array of images; the keys and labels."""
    keys: list[bytes] = []
    labels: list[np.ndarray] = []
    name, total = os.path.basename(os.path.realpath(database.path)), len(database)
    key, value = next(database.records())
    first = decode(value, key, database.path)
    shape = (total, first.channels, first.height, first.width)
    plain = isinstance(first, Image)
    header = {"descr": "|u1" if plain else "<f4", "fortran_order": False, "shape": shape}
    records = database.records()
    with archive.open("images.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        while batch := list(islice(records, BATCH)):
            found = decode_batch(batch, database.path) if plain else _floats(batch, database.path)
            if found is None:
                raise CaffeMnistError(
                    "encoded images, or such and others, cannot be exported", where=database.path
                )
            if found[0].shape[1:] != shape[1:]:
                sizes = (" x ".join(map(str, s[1:])) for s in (found[0].shape, shape))
                raise CaffeMnistError(
                    "record {}: {}, unlike {} of the first".format(batch[0][0].decode(), *sizes),
                    where=database.path,
                )
            file.write(found[0].tobytes())
            keys.extend(key for key, _ in batch)
            labels.append(found[1])
            if progress is not None:
                progress(name, len(keys), total)
    return np.array(keys), np.concatenate(labels)


def _floats(
    batch: Sequence[tuple[bytes, bytes | memoryview]], where: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers of records of floats, and their labels; None where one is no such record."""
    values, labels = [], []
    for key, value in batch:
        datum = decode(value, key, where)
        if isinstance(datum, Image) or datum.encoded:
            return None
        shape = (datum.channels, datum.height, datum.width)
        values.append(np.array(datum.float_data, "<f4").reshape(shape))
        labels.append(datum.label)
    if len({one.shape for one in values}) > 1:
        raise CaffeMnistError("records of floats of several sizes", where=where)
    return np.stack(values), np.array(labels, np.int64)
