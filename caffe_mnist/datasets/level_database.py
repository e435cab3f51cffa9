"""The other record database that Caffe reads, and its default: a LevelDB folder.

Read only, with plyvel (the leveldb extra). As in Caffe, opening one locks it against every
other process, and LevelDB writes its own log files into the folder.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from caffe_mnist.errors import CaffeMnistError

# A process opens a LevelDB once; layers that name the same one share it.
_open: weakref.WeakValueDictionary[str, _Shared] = weakref.WeakValueDictionary()
_opening = threading.Lock()


class LevelDatabase:
    """A LevelDB opened for reading, with the face of `Database`.

    Raises CaffeMnistError for a missing path, for anything that is no LevelDB (an LMDB is named
    as such), for one that another process holds, and for one without records.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._shared: _Shared | None = _shared(self.path)
        self._length = self._shared.length
        if not self._length:
            raise CaffeMnistError("the database has no records", where=self.path)

    def __len__(self) -> int:
        return self._length

    def close(self) -> None:
        """Let go of the database."""
        self._shared = None

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in the order of the keys, from record number `start` (from 0) on."""
        import plyvel

        if self._shared is None:
            raise ValueError("the database is closed")
        try:
            with self._shared.database.raw_iterator(verify_checksums=True) as cursor:
                cursor.seek_to_first()
                found = min(start, self._length)
                for _ in range(found):
                    cursor.next()
                while cursor.valid():
                    yield cursor.item()
                    cursor.next()
                    found += 1
        except plyvel.Error as error:
            raise CaffeMnistError(f"the database is damaged: {error}", where=self.path) from None
        if found != self._length:
            what = f"the database is damaged: it ends after {found} of {self._length} records"
            raise CaffeMnistError(what, where=self.path)

    def picked(self, numbers: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        """The records of these numbers, which ascend."""
        wanted = iter(numbers)
        number = next(wanted, None)
        if number is None:
            return
        for at, record in enumerate(self.records(number), number):
            if at == number:
                yield record
                number = next(wanted, None)
                if number is None:
                    return

    @contextlib.contextmanager
    def reader(self) -> Iterator[Callable[[int], tuple[bytes, bytes]]]:
        """Any record by its number, in any order; all keys are read once, and kept."""
        import plyvel

        if self._shared is None:
            raise ValueError("the database is closed")
        try:
            database, keys = self._shared.database, self._shared.keys()
            yield lambda number: (keys[number], database.get(keys[number], verify_checksums=True))
        except plyvel.Error as error:
            raise CaffeMnistError(f"the database is damaged: {error}", where=self.path) from None


class _Shared:
    """An open LevelDB and the number of its records."""

    def __init__(self, path: str) -> None:
        import plyvel

        self.database: Any = plyvel.DB(path, create_if_missing=False)
        with self.database.iterator(include_value=False) as keys:
            self.length = sum(1 for _ in keys)
        self._keys: list[bytes] = []

    def keys(self) -> list[bytes]:
        """All keys, in their order."""
        if not self._keys:
            with self.database.iterator(include_value=False) as keys:
                self._keys = list(keys)
        return self._keys


def _shared(path: str) -> _Shared:
    if not os.path.isfile(os.path.join(path, "CURRENT")):
        if os.path.isfile(os.path.join(path, "data.mdb")):
            raise CaffeMnistError("is an LMDB", where=path, hint="set backend: LMDB")
        there = "is no LevelDB" if os.path.exists(path) else "there is no such database"
        raise CaffeMnistError(there, where=path)
    try:
        import plyvel
    except ImportError:
        raise CaffeMnistError(
            "is a LevelDB, and plyvel is not installed",
            where=path,
            hint="pip install 'caffe-mnist[leveldb]'",
        ) from None
    with _opening:
        place = os.path.realpath(path)
        shared = _open.get(place)
        if shared is None:
            try:
                shared = _open[place] = _Shared(path)
            except (plyvel.Error, OSError) as error:
                reason = str(error).replace("\n", " ")
                raise CaffeMnistError(
                    f"cannot open as a LevelDB: {reason}",
                    where=path,
                    hint="one process at a time may have it open",
                ) from None
        return shared
