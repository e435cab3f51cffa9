"""The receipt of databases: an index (see index.py) that says what stands in them and of what.

A command that makes a folder of databases leaves `dataset.json` in it; one that makes a database
NAME by itself leaves `NAME.dataset.json` beside it. Nothing in either depends on when, where or
by how many workers it was made.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from caffe_mnist.datasets.index import NAME, RecordSet, read_index, write_index
from caffe_mnist.errors import CaffeMnistError


class Tally:
    """The checksum and the labels of records, taken while they are written.

    A thread of its own computes the checksum: hashing large pieces needs no interpreter.
    """

    def __init__(self) -> None:
        self.labels: Counter[int] = Counter()
        self._total = hashlib.sha256()
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._work, name="tally", daemon=True)
        self._thread.start()

    def add(self, records: bytes, labels: Iterable[int]) -> None:
        """Count records: their keys and values, one after the other, and their labels."""
        self._pieces.put(records)
        self.labels.update(labels)

    def sha256(self) -> str:
        """The checksum of all records, as `index.digest` makes it; ends the counting."""
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()
        return self._total.hexdigest()

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._total.update(piece)


def receipt_of(database: str | os.PathLike[str]) -> str:
    """The receipt's file for a database that was made by itself."""
    return f"{os.path.normpath(os.fspath(database))}.{NAME}"


def check_receipt(path: str, paths: Iterable[str] = ()) -> None:
    """Raise CaffeMnistError unless a receipt may be written to `path`.

    That is: nothing is there, or an index; with `paths`, one of no other databases than these.
    """
    if not os.path.lexists(path):
        return
    known = set(paths)
    try:
        there = {shard.path for one in read_index(path).sets.values() for shard in one.shards}
    except CaffeMnistError:
        raise CaffeMnistError("is no receipt of ours: not replaced", where=path) from None
    if known and not there <= known:
        what = f"is the index of {sorted(there - known)[0]}, too: not replaced"
        raise CaffeMnistError(what, where=path, hint="choose another folder")


def write_receipt(path: str, sets: Mapping[str, RecordSet]) -> None:
    """Write the receipt, whole or not at all."""
    write_index(path, sets)


def remove_receipt(path: str) -> None:
    """A database is about to be replaced: what is said of the old one goes first."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
