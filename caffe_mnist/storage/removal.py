"""`rm`: files, objects and folders, snapshots in the order that never leaves a false one.

Manifests (and what points to them) go first: a snapshot that is half removed is none. The empty
objects that consoles make to show a folder go last.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.folders import remove_marker
from caffe_mnist.storage.manifest import MANIFEST
from caffe_mnist.storage.places import Place, local_path, parent
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import is_local, join, parse

POINTER = "newest.json"
AT_ONCE = 1000


class NothingError(StoreError):
    """Nothing is where something was to be removed."""


def check_removable(url: str, bucket: bool = False) -> None:
    """Refuse what nobody wants removed.

    Raises CaffeMnistError for a whole bucket without `bucket`, and always for the root of the
    disk, a home, or a folder that we are in.
    """
    if not is_local(url):
        if not parse(url).path and not bucket:
            raise CaffeMnistError(
                "is a whole bucket", where=url, hint="--bucket empties it, if that is meant"
            )
        return
    path = Path(os.path.realpath(local_path(url)))
    here = Path.cwd().resolve()
    if path in (Path.home().resolve(), here, *here.parents):
        raise CaffeMnistError("holds more than should be removed at once", where=url)


def removable(url: str) -> Place:
    """What `rm` would remove: an object of that name, or all that is below. Links are not followed.

    Raises NothingError when there is nothing.
    """
    if is_local(url):
        path = local_path(url)
        if path.is_dir() and not path.is_symlink():
            return Place(url, tuple(_files(path)))
        if os.path.lexists(path) and not url.endswith("/"):
            return Place(str(path.parent), (Entry(path.name, path.lstat().st_size),), single=True)
        raise NothingError("there is no such file or folder", where=url)
    store = open_store(url)
    if parse(url).path and not url.endswith("/"):
        folder, name = parent(url)
        found = open_store(folder).entry(name)
        if found is not None:
            return Place(folder, (found,), single=True)
    entries = store.list()
    if not entries and parse(url).path and not store.markers():
        raise NothingError("there is nothing here", where=url, hint="is the URL right?")
    return Place(url, tuple(entries))


def remove(place: Place, stop: threading.Event | None = None) -> None:
    """Remove all of it; a local folder too. Raises StoreError or CaffeMnistError on failure."""
    order = sorted(place.entries, key=_rank)
    if is_local(place.url):
        _remove_files(place, order)
        return
    store = open_store(place.url)
    early = [entry.name for entry in order if _rank(entry) < 2]
    names = [entry.name for entry in order]
    store.delete_all(early)
    for first in range(len(early), len(names), AT_ONCE):
        if stop is not None and stop.is_set():
            return
        store.delete_all(names[first : first + AT_ONCE])
    if not place.single:
        for name in store.markers():
            remove_marker(join(place.url, name) if name else place.url)


def _rank(entry: Entry) -> int:
    return {POINTER: 0, MANIFEST: 1}.get(entry.name.rpartition("/")[2], 2)


def _remove_files(place: Place, order: Sequence[Entry]) -> None:
    folder = local_path(place.url)
    try:
        for entry in order:
            (folder / entry.name).unlink(missing_ok=True)
        if not place.single:
            for path, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(path)
    except OSError as error:
        where = error.filename or folder
        raise CaffeMnistError(f"cannot remove: {error.strerror}", where=where) from None


def _files(folder: Path) -> list[Entry]:
    """Every file and link below; links are not followed."""
    found = []
    for path, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(path, name))]
        for name in [*files, *links]:
            full = os.path.join(path, name)
            found.append(Entry(os.path.relpath(full, folder), os.lstat(full).st_size))
    return found
