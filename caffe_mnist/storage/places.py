"""What a URL names: one file or object, or a folder with everything below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import is_local, parse


@dataclass(frozen=True)
class Place:
    """Files or objects: their names below the folder `url`; `single` if one was named itself."""

    url: str
    entries: tuple[Entry, ...]
    single: bool = False

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(entry.size for entry in self.entries)


def find(url: str) -> Place:
    """What is at `url`: an object of that very name, or else everything below it.

    Raises StoreError when there is nothing; an empty bucket and an empty local folder are
    something. With a slash at its end the URL means the folder.
    """
    if is_local(url):
        return _find_local(url)
    if parse(url).path and not url.endswith("/"):
        folder, name = parent(url)
        found = open_store(folder).entry(name)
        if found is not None:
            return Place(folder, (found,), single=True)
    entries = open_store(url).list()
    if not entries and parse(url).path:
        raise StoreError("there is nothing here", where=url, hint="is the URL right?")
    return Place(url, tuple(entries))


def listed(url: str) -> list[Entry]:
    """Everything below the folder `url`, by name; nothing where there is no folder."""
    return files_below(local_path(url)) if is_local(url) else open_store(url).list()


def parent(url: str) -> tuple[str, str]:
    """The folder of `url`, and its name there."""
    if is_local(url):
        path = local_path(url)
        return str(path.parent), path.name
    folder, _, name = url.rstrip("/").rpartition("/")
    return folder, name


def local_path(url: str) -> Path:
    """The path of a local URL."""
    return Path(parse(url).path)


def files_below(folder: Path) -> list[Entry]:
    """Every file below a local folder, links followed, with sizes and times.

    Raises CaffeMnistError for what cannot be looked at and for links that lead in a circle.
    """
    try:
        return sorted(_walk(folder, "", ()), key=lambda entry: entry.name)
    except OSError as error:
        where = error.filename or folder
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=where) from None


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
    if not folder.is_dir():
        return
    status = folder.stat()
    here = status.st_dev, status.st_ino
    if here in above:
        raise CaffeMnistError("links to a folder that it is in", where=folder)
    with os.scandir(folder) as found:
        for item in found:
            name = prefix + item.name
            if item.is_dir():
                yield from _walk(Path(item.path), f"{name}/", (*above, here))
            elif item.is_file():
                status = item.stat()
                yield Entry(name, status.st_size, status.st_mtime)
            elif item.is_symlink():
                raise CaffeMnistError("is a link to nothing", where=item.path)


def _find_local(url: str) -> Place:
    path = local_path(url)
    if path.is_dir():
        return Place(url, tuple(files_below(path)))
    if path.is_file() and not url.endswith("/"):
        status = path.stat()
        entry = Entry(path.name, status.st_size, status.st_mtime)
        return Place(str(path.parent), (entry,), single=True)
    raise StoreError("there is no such file or folder", where=url)


def same(one: str, other: str) -> bool:
    """Whether two URLs name the same place."""
    if is_local(one) and is_local(other):
        return os.path.realpath(local_path(one)) == os.path.realpath(local_path(other))
    return parse(one) == parse(other)
