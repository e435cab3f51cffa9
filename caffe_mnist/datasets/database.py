"""The record database that Caffe reads: an LMDB folder (`data.mdb`) of key and value pairs.

Records stand in the order of their keys' bytes. Caffe's own programs number the keys with eight
digits; `convert_imageset` appends an underscore and the picture's name.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable

from caffe_mnist.datasets.pages import Cursor, DamagedError, Leaves, find_tree
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import lmdb

# LMDB forbids opening one database twice in a process, and two Data layers may well name the
# same one: they share the environment, by the identity of its file.
_open: weakref.WeakValueDictionary[tuple[int, int], lmdb.Environment] = (
    weakref.WeakValueDictionary()
)
_opening = threading.Lock()
LONGEST_CLOSING = 5.0


class Database:
    """A database opened for reading.

    Raises CaffeMnistError for a missing path, a LevelDB, anything else that is no LMDB, a file
    that is shorter than its own header says, and a database without records.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._environment: lmdb.Environment | None = _environment(self.path)
        self._length: int = self._environment.stat()["entries"]
        if not self._length:
            raise CaffeMnistError("the database has no records", where=self.path)
        self._leaves: Leaves | None = None

    def __len__(self) -> int:
        return self._length

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; values that were read from it must not be used any more."""
        self._environment = None

    def records(self, start: int = 0) -> Iterator[tuple[bytes, memoryview]]:
        """Keys and values in the order of the keys, from record number `start` (from 0) on.

        A value is a window into the mapped file: decode or copy it before the database is
        closed. Several iterators may be open at once, each in its own thread.
        """
        if not 0 <= start < self._length:
            return
        with self._cursor() as cursor:
            found = start
            for record in cursor if self._seek(cursor, start) else ():
                yield record
                found += 1
                if found == self._length:  # more of them were appended since
                    return
            if found != self._length:
                raise DamagedError(f"it ends after {found} of {self._length} records")

    def has(self, key: bytes) -> bool:
        """Whether there is a record of that key."""
        with self._cursor() as cursor:
            return cursor.set_range(key) and cursor.record()[0] == key
        return False

    def picked(self, numbers: Sequence[int]) -> Iterator[tuple[bytes, memoryview]]:
        """The records of these numbers, which ascend; those between are passed over unread."""
        with self._cursor() as cursor:
            at = None
            for number in numbers:
                found = self._seek(cursor, number) if at is None else cursor.forward(number - at)
                if number >= self._length:
                    return
                if not found:
                    raise DamagedError(f"it ends before record {number} of {self._length}")
                yield cursor.record()
                at = number

    @contextlib.contextmanager
    def reader(self) -> Iterator[Callable[[int], tuple[bytes, memoryview]]]:
        """Any record by its number, in any order; where each is, is found out once."""
        with self._cursor() as cursor:
            if self._leaves is None or self._leaves.tree != cursor.tree:
                self._leaves = cursor.leaves()
            leaves = self._leaves
            yield lambda number: cursor.at(leaves, number)

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """A cursor of ours, in a transaction that keeps its pages as they are."""
        import lmdb

        if self._environment is None:
            raise ValueError("the database is closed")
        try:
            with _transaction(self._environment) as transaction:
                content = _mapped(os.path.join(self.path, "data.mdb"))
                tree = find_tree(content, transaction.id())
                if tree is not None:
                    yield Cursor(content, tree)
        except (lmdb.Error, DamagedError) as error:
            raise CaffeMnistError(f"the database is damaged: {error}", where=self.path) from None

    def _seek(self, cursor: Cursor, start: int) -> bool:
        """Bring `cursor` to record number `start`; False if there is none.

        Keys that count without a gap, as Caffe's programs write them, are found at once;
        otherwise the records before are passed one by one.
        """
        last = _number(cursor.record()[0]) if cursor.last() else None
        first = _number(cursor.record()[0]) if cursor.first() else None
        if first is not None and last == first + self._length - 1:
            wanted = first + start
            if cursor.set_range(b"%08d" % wanted) and _number(cursor.record()[0]) == wanted:
                return True
            cursor.first()
        return cursor.forward(start)


def _transaction(environment: lmdb.Environment) -> lmdb.Transaction:
    """A transaction for reading, also after another process made the map larger."""
    import lmdb

    try:
        return environment.begin()
    except lmdb.MapResizedError:
        environment.set_mapsize(0)  # take over the size that the file has now
        return environment.begin()


def _number(key: bytes) -> int | None:
    digits = key[:8]
    return int(digits) if len(digits) == 8 and digits.isdigit() else None


def _environment(path: str) -> lmdb.Environment:
    """The open LMDB environment of the folder `path`, checked."""
    import lmdb

    _check_folder(path)
    data = os.path.join(path, "data.mdb")
    with _opening:
        try:
            status = os.stat(data)
            _check_pages(data)
            identity = (status.st_dev, status.st_ino)
            environment = _open.get(identity)
            if environment is None:
                environment = _open[identity] = _open_after_closing(path)
        except OSError as error:
            raise CaffeMnistError(f"cannot read: {error.strerror}", where=data) from None
        except lmdb.Error as error:
            raise CaffeMnistError(
                f"cannot open as an LMDB: {_reason(error, path)}", where=path
            ) from None
    return environment


def _open_after_closing(path: str) -> lmdb.Environment:
    """Open; where another thread is closing the same one, when that is done.

    An environment is gone from `_open` before LMDB has closed it.
    """
    import lmdb

    until = time.monotonic() + LONGEST_CLOSING
    while True:
        try:
            return _open_environment(path)
        except lmdb.Error as error:
            if "already open" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.001)


def _open_environment(path: str) -> lmdb.Environment:
    """Open for reading, with LMDB's lock file where the folder lets us write one."""
    import lmdb

    options: dict[str, Any] = {"readonly": True, "create": False}
    try:
        return lmdb.open(path, lock=True, **options)
    except (lmdb.InvalidError, lmdb.VersionMismatchError):
        raise
    except lmdb.Error:
        return lmdb.open(path, lock=False, **options)


def _check_folder(path: str) -> None:
    """Raise for what is no LMDB, saying what it is instead."""
    if not os.path.exists(path):
        raise CaffeMnistError("there is no such database", where=path)
    if not os.path.isdir(path):
        raise CaffeMnistError("a file, not the folder of a database", where=path)
    try:
        names = os.listdir(path)
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    if "data.mdb" in names:
        if not os.path.getsize(os.path.join(path, "data.mdb")):
            raise CaffeMnistError("data.mdb is an empty file", where=path)
        return
    if "CURRENT" in names and any(name.startswith("MANIFEST-") for name in names):
        raise CaffeMnistError(
            "a LevelDB, and only LMDB is read here",
            where=path,
            hint="convert the original data again with --backend lmdb",
        )
    raise CaffeMnistError("not a database: no data.mdb in this folder", where=path)


def _check_pages(data: str) -> None:
    """Raise for a file that is not what its head says, before the library believes it."""
    try:
        find_tree(_mapped(data))
    except DamagedError as error:
        raise CaffeMnistError(str(error), where=data, hint="copy or convert it again") from None


def _mapped(data: str) -> memoryview:
    """The bytes of a file, without reading it."""
    with open(data, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _reason(error: Exception, path: str) -> str:
    """LMDB's message without the path that it starts with."""
    message = str(error)
    return message[len(path) :].lstrip(": ") if message.startswith(path) else message
