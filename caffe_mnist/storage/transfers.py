"""One file or object from here to there: whole or not at all, hashed on its way, its size checked.

A target on this machine is written aside and renamed, and gets the time of its source.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage import store as stores
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.places import local_path
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.urls import is_local, join

Moved = Callable[[int], None]


class Side:
    """One end of copies: the folder `url`, on this machine or in a store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder: Path | None = local_path(url) if is_local(url) else None
        self._store: Store | None = None if is_local(url) else open_store(url)

    @property
    def store(self) -> Store:
        """The store, where it is no local folder."""
        if self._store is None:
            raise TypeError(f"{self.url} is a local folder")
        return self._store

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of one file or object."""
        if self.folder is None:
            yield from self.store.chunks(name)
            return
        path = self.folder / name
        try:
            with path.open("rb") as file:
                yield from iter(lambda: file.read(2**20), b"")
        except OSError as error:
            raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None

    def delete(self, name: str) -> None:
        """Remove one; it is no error if it is not there."""
        if self.folder is None:
            self.store.delete(name)
        else:
            (self.folder / name).unlink(missing_ok=True)


class _Hashed:
    """An object's content as it passes by, and its SHA-256."""

    def __init__(self, side: Side, name: str) -> None:
        self._side, self._name = side, name
        self.digest = hashlib.sha256()

    def __call__(self) -> Iterator[bytes]:
        self.digest = hashlib.sha256()
        for chunk in self._side.chunks(self._name):
            self.digest.update(chunk)
            yield chunk


def transfer(source: Side, entry: Entry, target: Side, name: str, moved: Moved) -> str:
    """Copy `entry` to `name`; returns the SHA-256 of what was copied, in hexadecimal.

    `moved` hears of bytes, of a negative number when some have to be moved again. Raises
    StoreError for what a store cannot do, and CaffeMnistError for files.
    """
    if target.folder is not None:
        return _into_file(source, entry, target.folder / name, moved)
    if source.folder is not None:
        return _from_file(source.folder / entry.name, target.store, name, moved)
    content = _Hashed(source, entry.name)
    target.store.send(name, content, entry.size, moved)
    return content.digest.hexdigest()


def _from_file(path: Path, store: Store, name: str, moved: Moved) -> str:
    try:
        before = path.stat()
        digest = store.upload(path, name, moved)
        after = path.stat()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CaffeMnistError("changed while it was copied", where=path)
    return digest


def _into_file(source: Side, entry: Entry, path: Path, moved: Moved) -> str:
    for attempt in range(1, stores.ATTEMPTS + 1):
        try:
            return _once_into_file(source, entry, path, moved)
        except StoreError as error:
            if not error.passing or attempt == stores.ATTEMPTS:
                raise
            time.sleep(stores.PAUSE * attempt * random.uniform(0.5, 1.0))
    raise AssertionError("not reached")


def _once_into_file(source: Side, entry: Entry, path: Path, moved: Moved) -> str:
    digest, size = hashlib.sha256(), 0
    try:
        if path.exists() and not path.is_file():
            raise CaffeMnistError("is there and is no file", where=path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside, aside.open("wb") as file:
            for chunk in source.chunks(entry.name):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                moved(len(chunk))
            if size != entry.size:
                raise StoreError(
                    f"gave {size} bytes instead of {entry.size}",
                    where=join(source.url, entry.name),
                )
            if entry.modified:
                file.flush()
                os.utime(file.fileno(), (entry.modified, entry.modified))
    except BaseException as error:
        moved(-size)
        if isinstance(error, OSError):
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=path) from None
        raise
    return digest.hexdigest()
