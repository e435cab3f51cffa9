"""What the functions do at a place, a local path or a URL: looked at, listed, read, changed.

For URLs this runs in the envoy process. Places end without regard to slashes, except in `look`:
with one at its end a place can only be a folder. Raises CaffeMnistError (StoreError, and
MissingError where something is not there) and, for local paths, OSError.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.folders import make_folder, remove_marker
from caffe_mnist.storage.places import parent
from caffe_mnist.storage.store import MissingError, open_store
from caffe_mnist.storage.urls import is_local, join, parse

# What a name that is not there, or a bucket that is not, says in a StoreError.
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
# Larger objects are brought through files, never as a whole through memory.
LARGEST = 2**40


@dataclass(frozen=True)
class Look:
    """What is at a place: kind `file`, `folder` or nothing; bytes; when changed (epoch)."""

    kind: str = ""
    size: int = 0
    modified: float = 0.0


def look(place: str) -> Look:
    """What is there. A bucket that is not there is nothing; one that may not be read raises."""
    if is_local(place):
        return _look_local(place)
    try:
        if parse(place).path and not place.endswith("/"):
            folder, name = parent(place)
            found = open_store(folder).entry(name)
            if found is not None:
                return Look("file", found.size, found.modified)
        store = open_store(place)
        if parse(place).path and store.is_empty():
            return Look()
        if not parse(place).path:
            store.list_level()
        return Look("folder")
    except CaffeMnistError as error:
        if any(word in error.what for word in NO_BUCKET):
            return Look()
        raise


def _look_local(place: str) -> Look:
    try:
        status = os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return Look()
    kind = "folder" if os.path.isdir(place) else "file"
    return Look(kind, 0 if kind == "folder" else status.st_size, status.st_mtime)


def level(place: str) -> tuple[list[str], list[Entry]]:
    """The names of the folders, and the files, right below."""
    if not is_local(place):
        folders, entries = open_store(place).list_level()
        return folders, entries
    folders, files = [], []
    with os.scandir(place) as found:
        for item in found:
            if item.is_dir():
                folders.append(item.name)
            elif item.is_file():
                status = item.stat()
                files.append(Entry(item.name, status.st_size, status.st_mtime))
    return sorted(folders), sorted(files, key=lambda entry: entry.name)


def tree(place: str) -> tuple[list[str], list[Entry]]:
    """Every folder and every file below, by their names from there."""
    if not is_local(place):
        store = open_store(place)
        marked = {name for name in store.markers() if name}
        files = [entry for entry in store.list() if entry.name not in marked]
        for entry in files:
            marked.update(_above(entry.name))
        for name in list(marked):
            marked.update(_above(name))
        return sorted(marked), files
    folders, files = [], []
    for path, names, _ in os.walk(place, followlinks=True):
        start = os.path.relpath(path, place)
        prefix = "" if start == "." else f"{start}/"
        folders += [prefix + name for name in names]
        files += [
            Entry(prefix + entry.name, entry.size, entry.modified) for entry in level(path)[1]
        ]
    return sorted(folders), sorted(files, key=lambda entry: entry.name)


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def read(place: str) -> bytes:
    """The whole content of a file."""
    if is_local(place):
        return Path(place).read_bytes()
    folder, name = parent(place)
    return open_store(folder).read(name, LARGEST)


def write(place: str, content: bytes) -> None:
    """Replace a file's content; folders above it are made."""
    if is_local(place):
        os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
        Path(place).write_bytes(content)
        return
    folder, name = parent(place)
    open_store(folder).write(name, content)


def join_files(place: str, more: str) -> None:
    """Add the content of `more` at the end of the file at `place`, which need not be there."""
    try:
        before = read(place)
    except (MissingError, FileNotFoundError):
        before = b""
    write(place, before + read(more))


def make(place: str) -> None:
    """Let there be a folder, and those above it."""
    if is_local(place):
        os.makedirs(place, exist_ok=True)
        return
    missing, at = [], place.rstrip("/")
    while parse(at).path and open_store(at).is_empty():
        missing.append(at)
        at = parent(at)[0]
    for at in reversed(missing):
        make_folder(at)


def drop(place: str) -> None:
    """Remove one file."""
    if is_local(place):
        os.remove(place)
        return
    folder, name = parent(place)
    open_store(folder).delete(name)


def drop_tree(place: str) -> None:
    """Remove a folder with everything in it."""
    if is_local(place):
        shutil.rmtree(place)
        return
    store = open_store(place)
    markers = store.markers()
    store.delete_all([entry.name for entry in store.list() if entry.name not in markers])
    for name in sorted(markers, reverse=True):
        remove_marker(join(place, name) if name else place)
