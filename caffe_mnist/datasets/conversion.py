"""IDX files to a record database, the records equal to those of Caffe's `convert_mnist_data`.

Keys are eight digits counting from 0; a value is the Datum of `record.py`, made here for a whole
batch at once without a Python statement per record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain, count, islice, repeat
from struct import iter_unpack

from caffe_mnist.datasets.index import TRAIN, RecordSet, make_shard
from caffe_mnist.datasets.labelled import LabelledImages
from caffe_mnist.datasets.receipt import (
    Tally,
    check_receipt,
    receipt_of,
    remove_receipt,
    write_receipt,
)
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
    receipt = receipt_of(out)
    check_receipt(receipt)
    with LabelledImages(images, labels) as source, DatabaseWriter(out, overwrite=overwrite) as to:
        made = fill(to, source, shuffle=shuffle, limit=limit, progress=progress)
        remove_receipt(receipt)
    write_receipt(receipt, {TRAIN: made})
    return to.written


def fill(
    writer: DatabaseWriter,
    source: LabelledImages,
    *,
    shuffle: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> RecordSet:
    """Put all records of `source`, or the first `limit`, into `writer` and sync it.

    Returns what its receipt says.
    """
    total = source.count if limit is None else min(limit, source.count)
    append = total <= COUNTED_IN_ORDER
    start = head(1, source.rows, source.columns)
    size = source.rows * source.columns
    name = os.path.basename(writer.path)
    spool = os.path.dirname(writer.path)
    tally = Tally()
    try:
        for pixels, labels in source.batches(limit, shuffle, spool):
            records = _Records(writer.written, start, size, pixels, labels)
            tally.add(records.content, labels)
            writer.put(records, append=append)
            if progress is not None:
                progress(name, writer.written, total)
        writer.finish()
    finally:
        checksum = tally.sha256()
    counts = {label - 256 if label > 127 else label: n for label, n in tally.labels.items()}
    shard = make_shard(os.path.basename(writer.path), writer.written, 0, checksum, counts)
    arguments = {"shuffle": shuffle, "limit": limit}
    return RecordSet(
        (shard,),
        shape=(1, source.rows, source.columns),
        arguments={name: value for name, value in arguments.items() if value is not None},
    )


class _Records:
    """The records of one batch: `content` is all keys and values, one after the other.

    Put together at once and cut where a record ends, by C: no statement of Python per record.
    """

    def __init__(self, first: int, start: bytes, size: int, pixels: bytes, labels: bytes) -> None:
        tails = list(map(TAILS.__getitem__, labels))
        images = chain.from_iterable(iter_unpack(f"{size}s", pixels))
        parts = zip(counted_keys(first), repeat(start), images, tails)
        self.content = b"".join(chain.from_iterable(parts))
        self._sizes = [len(start) + size + len(tail) for tail in tails]
        self._first = first

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        most = self._first + len(self._sizes)
        if min(self._sizes) == max(self._sizes) and most <= COUNTED_IN_ORDER:
            return iter_unpack(f"8s{self._sizes[0]}s", self.content)
        return self._cut()

    def _cut(self) -> Iterator[tuple[bytes, bytes]]:
        at = 0
        for key, size in zip(counted_keys(self._first), self._sizes):
            start = at + len(key)
            at = start + size
            yield key, self.content[start:at]


def counted_keys(first: int) -> Iterator[bytes]:
    """Keys of eight digits from `first` on, put together of two halves: half the work."""
    thousands = (map((b"%05d" % n).__add__, THOUSAND) for n in count(first // 1000))
    return islice(chain.from_iterable(thousands), first % 1000, None)
