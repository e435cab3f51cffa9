"""IDX files to a record database, the records equal to those of Caffe's `convert_mnist_data`.

Keys are eight digits counting from 0; a value is the Datum of `record.py`, made here for a whole
batch at once without a Python statement per record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain, count, islice, repeat
from struct import iter_unpack

from caffe_mnist.datasets.labelled import LabelledImages
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter

# Called with the database's name, the records written and the records there will be. What it
# raises ends the work, and nothing is left of it.
Progress = Callable[[str, int, int], None]

# convert_mnist_data reads a label as a signed char, so that those above 127 are negative.
TAILS = [tail(label - 256 if label > 127 else label) for label in range(256)]

THOUSAND = [b"%03d" % number for number in range(1000)]

# From here on keys have nine digits and no longer stand in the order of their numbers.
COUNTED_IN_ORDER = 10**8


def convert(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    shuffle: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the database `out` from a pair of IDX files; the number of its records.

    `shuffle` is the seed of an order for the records, `limit` keeps the first so many of them.
    Raises CaffeMnistError for bad input and for a target that cannot be written; then, as after
    any exception, nothing is left behind and what was there is untouched.
    """
    with LabelledImages(images, labels) as source, DatabaseWriter(out, overwrite=overwrite) as to:
        fill(to, source, shuffle=shuffle, limit=limit, progress=progress)
        return to.written


def fill(
    writer: DatabaseWriter,
    source: LabelledImages,
    *,
    shuffle: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Put all records of `source`, or the first `limit`, into `writer` and sync it."""
    total = source.count if limit is None else min(limit, source.count)
    append = total <= COUNTED_IN_ORDER
    start = head(1, source.rows, source.columns)
    size = source.rows * source.columns
    name = os.path.basename(writer.path)
    spool = os.path.dirname(writer.path)
    for pixels, labels in source.batches(limit, shuffle, spool):
        writer.put(_Records(writer.written, start, size, pixels, labels), append=append)
        if progress is not None:
            progress(name, writer.written, total)
    writer.finish()


class _Records:
    """The records of one batch, each made when it is asked for: none is held in memory."""

    def __init__(self, first: int, start: bytes, size: int, pixels: bytes, labels: bytes) -> None:
        self._first = first
        self._start = start
        self._size = size
        self._pixels = pixels
        self._labels = labels

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        keys = counted_keys(self._first)
        images = chain.from_iterable(iter_unpack(f"{self._size}s", self._pixels))
        tails = map(TAILS.__getitem__, self._labels)
        return zip(keys, map(b"".join, zip(repeat(self._start), images, tails)))


def counted_keys(first: int) -> Iterator[bytes]:
    """Keys of eight digits from `first` on, put together of two halves: half the work."""
    thousands = (map((b"%05d" % n).__add__, THOUSAND) for n in count(first // 1000))
    return islice(chain.from_iterable(thousands), first % 1000, None)
