"""A database in the making that outlives its writer, for another run to go on with."""

from __future__ import annotations

import os
from collections.abc import Iterator

import lmdb

from caffe_mnist.datasets.aside import Aside
from caffe_mnist.datasets.pictures.journal import Journal, remove_folder
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError


class KeptWriter(DatabaseWriter):
    """As its base, but made in the journal's folder, which stays there after a failure.

    With `fresh` what an earlier run left there is removed first, else it is gone on with.
    """

    def __init__(
        self, path: str | os.PathLike[str], journal: Journal, *, fresh: bool, overwrite: bool
    ) -> None:
        super().__init__(path, overwrite=overwrite)
        self._journal = journal
        self._fresh = fresh

    def __enter__(self) -> KeptWriter:
        super().__enter__()
        return self

    def finish(self) -> None:
        """Bring everything to the disk, and write down that it is complete."""
        if self._environment is not None:
            super().finish()
            self._journal.complete(identity(self._journal.part))

    def records(self) -> Iterator[tuple[bytes, memoryview]]:
        """What is in it so far, in the order of the keys."""
        assert self._environment is not None
        with self._environment.begin(buffers=True) as transaction:
            for key, value in transaction.cursor():
                yield bytes(key), value

    def _new_aside(self) -> Aside:
        if self._fresh:
            self._journal.begin()
        return _Kept(self.path, self._journal.part)


class _Kept(Aside):
    """A folder of a name that the next run knows; the journal's lock is its lock."""

    def __init__(self, target: str, path: str) -> None:
        self.target = target
        self.path = path
        self._published = False
        os.makedirs(path, exist_ok=True)

    def publish(self, *, replace: bool) -> None:
        super().publish(replace=replace)
        self._published = True

    def discard(self) -> None:
        """Remove what was replaced; what was not published stays."""
        if self._published:
            remove_folder(self.path)


def records_in(folder: str) -> int | None:
    """The records of an unfinished database; None where there is none."""
    if not os.path.exists(os.path.join(folder, "data.mdb")):
        return None
    try:
        with lmdb.open(folder, readonly=True, lock=False, create=False) as environment:
            return int(environment.stat()["entries"])
    except lmdb.Error as error:
        raise CaffeMnistError(
            f"cannot go on: {str(error).rpartition(': ')[2]}",
            where=folder,
            hint="without --resume it begins anew",
        ) from None


def identity(database: str) -> int | None:
    """What tells a database's file from any other, also under another name."""
    try:
        return os.stat(os.path.join(database, "data.mdb")).st_ino
    except OSError:
        return None
