"""The second database, of labels that are vectors: the same keys, the numbers as float_data.

Caffe's Data layers read it beside the pictures, in the same order: a top of N x K x 1 x 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from itertools import chain, islice

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.pictures.listing import Listing, Written
from caffe_mnist.datasets.record import floats
from caffe_mnist.datasets.writer import DatabaseWriter

BATCH = 1000
# From here on keys have nine digits and no longer stand in the order of their numbers.
COUNTED_IN_ORDER = 10**8


def label_path(pictures: str) -> str:
    """What the labels' database is called beside the pictures': train_lmdb, train_label_lmdb."""
    folder, name = os.path.split(os.path.normpath(pictures))
    start, lmdb, end = name.partition("_lmdb")
    return os.path.join(folder, f"{start}_label{lmdb}{end}")


def write_label_database(listing: Listing, pictures: str, out: str, overwrite: bool) -> Written:
    """Write the labels of all records of the database `pictures` as the database `out`.

    `listing` is what those records were made of: a picture that was skipped has no label here
    either. Raises CaffeMnistError for a target that cannot be written or is not to be replaced.
    """
    total, lock = hashlib.sha256(), os.path.join(pictures, "lock.mdb")
    locked = os.path.lexists(lock)
    append = listing.first + len(listing.entries) <= COUNTED_IN_ORDER
    with Database(pictures) as database:
        records = _labels(listing, (key for key, _ in database.records()))
        with DatabaseWriter(out, overwrite=overwrite) as writer:
            while batch := list(islice(records, BATCH)):
                writer.put(batch, append=append)
                total.update(b"".join(chain.from_iterable(batch)))
            count = writer.written
    if not locked:  # nobody else knows the pictures' database yet
        with contextlib.suppress(OSError):
            os.unlink(lock)
    shape = (listing.width, 1, 1)
    return Written(count, (), {0: count}, {}, *shape, sha256=total.hexdigest())


def _labels(listing: Listing, keys: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The record of each picture's label, by the number that its key begins with."""
    for key in keys:
        match = re.match(rb"[0-9]+", key)
        assert match is not None, "the pictures were numbered here"
        entry = listing.entries[int(match[0]) - listing.first]
        yield key, floats(listing.vector(entry))
