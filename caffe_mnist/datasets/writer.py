"""Writing a record database: made aside, synced, and renamed when it is complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any, Union

import lmdb

from caffe_mnist.datasets.aside import Aside, clear, sync
from caffe_mnist.datasets.write_back import WriteBack
from caffe_mnist.errors import CaffeMnistError

Value = Union[bytes, memoryview]

# The files of an LMDB: an existing folder with anything else in it is never replaced.
FILES = {"data.mdb", "lock.mdb"}

# Where LMDB's map begins; it doubles when full. Only address space, not memory and not disk.
MAP_SIZE = 1 << 28


class DatabaseWriter:
    """A new LMDB at `path`, which appears there, whole, when the `with` block ends cleanly.

    When the block fails, nothing is left and what was there before is untouched. Without
    `overwrite` an existing path is refused; with it, an existing database stays in place until
    the new one takes its name. Raises CaffeMnistError for a path that cannot be written, a full
    disk, and a target that is there and is not to be (or is no database) replaced.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, map_size: int = MAP_SIZE
    ) -> None:
        self.path = os.path.realpath(path)
        self._shown = os.fspath(path)
        self._overwrite = overwrite
        self._map_size = map_size
        self._environment: lmdb.Environment | None = None
        self._write_back: WriteBack | None = None
        self.written = 0

    def __enter__(self) -> DatabaseWriter:
        clear(self.path)
        self._check_target()
        with failures(self._shown):
            self._aside = self._new_aside()
        try:
            with failures(self._shown):
                self._environment = _create(self._aside.path, self._map_size)
                self._write_back = WriteBack(os.path.join(self._aside.path, "data.mdb"))
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
                self._publish()
        finally:
            self._discard()

    def _new_aside(self) -> Aside:
        """The folder in which the database is made."""
        return Aside(self.path)

    def put(self, records: Iterable[tuple[bytes, Value]], *, append: bool = True) -> None:
        """Add records in one transaction; they are iterated again if the map has to grow.

        With `append` (fast) their keys must be larger than all keys before, without it they may
        have any order. Raises CaffeMnistError for a full disk, and for a key out of order.
        """
        assert self._environment is not None, "records are put inside the with block"
        with failures(self._shown, self._aside.path):
            while not self._try(records, append):
                self._map_size *= 2
                self._environment.set_mapsize(self._map_size)
            if self._write_back is not None:
                self._write_back.go_on()

    def finish(self) -> None:
        """Bring everything to the disk; the end of the block does it otherwise."""
        if self._environment is None:
            return
        with failures(self._shown):
            self._environment.sync(True)
            self._close()
            sync(self._aside.path)

    def _try(self, records: Iterable[tuple[bytes, Value]], append: bool) -> bool:
        """Whether the records found room in the map; if not, nothing of them was written."""
        assert self._environment is not None
        try:
            with self._environment.begin(write=True) as transaction:
                consumed, added = transaction.cursor().putmulti(records, append=append)
        except lmdb.MapFullError:
            return False
        if added != consumed:
            raise CaffeMnistError("records out of order", where=self._shown)
        self.written += added
        return True

    def _check_target(self) -> None:
        """Raise unless the target is free, or is a database that may be replaced."""
        if not os.path.lexists(self.path):
            return
        if not self._overwrite:
            raise CaffeMnistError(
                "exists already", where=self._shown, hint="--overwrite replaces a database"
            )
        if not os.path.isdir(self.path) or not FILES.issuperset(os.listdir(self.path)):
            raise CaffeMnistError("exists and is not a database: not replaced", where=self._shown)

    def _publish(self) -> None:
        """Give the finished folder its name."""
        with failures(self._shown):
            self._aside.publish(replace=self._overwrite)

    def _discard(self) -> None:
        self._close()
        self._aside.discard()

    def _close(self) -> None:
        if self._write_back is not None:
            self._write_back.close()
            self._write_back = None
        if self._environment is not None:
            self._environment.close()
            self._environment = None


def _create(folder: str, map_size: int) -> lmdb.Environment:
    """A new environment that leaves syncing to us: it is nobody's before it is complete."""
    options: dict[str, Any] = {"map_size": map_size, "sync": False, "metasync": False}
    if hasattr(lmdb.Environment, "lib_version"):
        options["lib_version"] = 0  # the format of LMDB 0.9, which Caffe reads
    return lmdb.open(folder, lock=False, mode=0o666, **options)


@contextlib.contextmanager
def failures(shown: str, folder: str | None = None) -> Iterator[None]:
    """Failures of the system and of LMDB as one expected error."""
    try:
        yield
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=shown) from None
    except lmdb.Error as error:
        reason = _refusal(folder) or str(error).rpartition(": ")[2]
        raise CaffeMnistError(f"cannot write: {reason}", where=shown) from None


def _refusal(folder: str | None) -> str | None:
    """Why nothing more can be written to `folder`: LMDB calls a full disk an I/O error."""
    if folder is None:
        return None
    try:
        with open(os.path.join(folder, "data.mdb"), "ab") as probe:  # it is lost anyway
            probe.write(bytes(1 << 20))
    except OSError as error:
        return error.strerror
    return None
