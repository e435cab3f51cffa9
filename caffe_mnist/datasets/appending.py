"""Records added to a database that is there.

They are copied in few transactions, so that a kill leaves a whole database that may lack the last
of them; `append_all` again copies the rest. What reads the database meanwhile goes on with the
records that it had.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

import lmdb

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.writer import MAP_SIZE, failures
from caffe_mnist.errors import CaffeMnistError

# A transaction keeps what it writes in memory.
BATCH_BYTES = 1 << 26


def next_number(path: str) -> int:
    """The number that the next record's key begins with.

    Raises CaffeMnistError for what is no LMDB and for keys that Caffe's programs did not number.
    """
    with Database(path) as database:
        key, _ = next(iter(database.records(len(database) - 1)))
    match = re.match(rb"([0-9]{8})(?![0-9])", key)
    if match is None:
        text = key.decode("utf-8", "backslashreplace")
        hint = "convert merge --one numbers records anew"
        raise CaffeMnistError(f"the last key, {text}, begins with no number", where=path, hint=hint)
    return int(match[1]) + 1


def first_key(path: str) -> bytes:
    """The first key of a database."""
    with Database(path) as database:
        return next(iter(database.records()))[0]


def has_key(path: str, key: bytes) -> bool:
    """Whether a record is in a database."""
    with Database(path) as database:
        return database.has(key)


def append_all(path: str, more: str) -> int:
    """Copy all records of the database `more`, whose keys follow, to the end of `path`.

    The number of records that `path` has then. What a killed run copied is not copied again.
    Raises CaffeMnistError for a full disk, for a database that cannot be written, and for keys
    that do not follow: then nothing is copied.
    """
    added = os.path.getsize(os.path.join(more, "data.mdb"))
    size = os.path.getsize(os.path.join(path, "data.mdb")) + 2 * added + MAP_SIZE
    if shutil.disk_usage(path).free < added:
        raise CaffeMnistError(f"cannot append {added} bytes: the disk is full", where=path)
    with failures(path), Database(more) as source:
        records = source.records(_copied_before(path, source))
        options: dict[str, Any] = {"map_size": size, "create": False}
        if hasattr(lmdb.Environment, "lib_version"):
            options["lib_version"] = 0  # the format of LMDB 0.9, which Caffe reads
        with lmdb.open(path, **options) as target:
            for batch in _batches(records):
                with target.begin(write=True) as transaction:
                    consumed, wrote = transaction.cursor().putmulti(batch, append=True)
                    if consumed != wrote:
                        raise CaffeMnistError("records out of order", where=path)
            target.sync(True)
            return int(target.stat()["entries"])


def _copied_before(path: str, source: Database) -> int:
    """How many of the records are at the end of `path` already."""
    with Database(path) as database:
        last = next(iter(database.records(len(database) - 1)))[0]
    count = sum(1 for _ in takewhile(lambda record: record[0] <= last, source.records()))
    if count and not source.has(last):
        raise CaffeMnistError("records out of order: nothing is appended", where=path)
    return count


def _batches(
    records: Iterable[tuple[bytes, memoryview]],
) -> Iterator[list[tuple[bytes, memoryview]]]:
    """The records in pieces that a transaction holds in memory."""
    batch, size = [], 0
    for record in records:
        batch.append(record)
        size += len(record[1])
        if size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
