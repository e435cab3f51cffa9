"""Copies of files and folders to and from stores: in parallel, checked, each whole or not at all.

A `manifest.json` says that the files beside it are complete. So it is copied last, only if what
it promises of them was found true on the way, and one that is in the way of new files goes first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.crew import Crew
from caffe_mnist.storage.differences import is_there
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.manifest import MANIFEST, Manifest
from caffe_mnist.storage.places import files_below, find, listed, local_path, parent, same
from caffe_mnist.storage.progress import Progress
from caffe_mnist.storage.snapshots import DamagedError
from caffe_mnist.storage.store import MissingError, StoreError, open_store
from caffe_mnist.storage.transfers import Side, transfer
from caffe_mnist.storage.urls import is_local, join, parse

# Up to so many sizes are asked for one by one; more are read from a list.
FEW = 16
# Written after the manifests of the snapshots that it may name.
POINTER = "newest.json"


class Pair(NamedTuple):
    """What is copied, and the name that it gets."""

    entry: Entry
    name: str


def exists(url: str) -> bool:
    """Whether there is a file, an object or anything below `url`."""
    if is_local(url):
        return os.path.exists(parse(url).path)
    return not open_store(url).is_empty() or object_size(url) is not None


def object_size(url: str) -> int | None:
    """The size of the single file or object at `url`; None if there is none."""
    if is_local(url):
        path = local_path(url)
        return path.stat().st_size if path.is_file() else None
    folder, name = parent(url)
    return open_store(folder).size(name) if parse(url).path else None


def copy(source: str, target: str, stop: threading.Event | None = None) -> list[Pair]:
    """A file or object to `target`, or everything below a folder to below `target`.

    A single one goes into `target` if that ends with a slash, or is a folder or a bucket.
    Returns what was copied. Raises StoreError when there is nothing, or when a store fails.
    """
    place = find(source)
    folder, pairs = target, [Pair(entry, entry.name) for entry in place.entries]
    if place.single:
        folder, name = _target_of_one(target, place.entries[0].name)
        pairs = [Pair(place.entries[0], name)]
    check_apart(place.url, folder, pairs)
    if not pairs:
        raise StoreError("there is nothing to copy", where=source)
    copy_pairs(place.url, pairs, folder, "copied", stop)
    return pairs


def _target_of_one(target: str, name: str) -> tuple[str, str]:
    """The folder and the name for a single file that is copied to `target`."""
    if is_local(target):
        into = target.endswith("/") or local_path(target).is_dir()
    else:
        into = target.endswith("/") or not parse(target).path
        into = into or (object_size(target) is None and not open_store(target).is_empty())
    return (target, name) if into else parent(target)


def check_apart(source: str, target: str, pairs: Sequence[Pair]) -> None:
    """Refuse to copy files onto themselves, a folder onto a file, and what no disk can hold."""
    if same(source, target) and any(pair.entry.name == pair.name for pair in pairs):
        raise CaffeMnistError("source and target are the same", where=target)
    if not is_local(target):
        return
    if local_path(target).is_file():
        raise CaffeMnistError("is a file, not a folder", where=target)
    names = {pair.name for pair in pairs}
    for name in names:
        if any(above in names for above in _above(name)):
            raise CaffeMnistError(
                f"is an object and also the folder of {name!r}, and a disk has no room for both",
                where=join(source, next(above for above in _above(name) if above in names)),
                hint="copy them one by one, under other names",
            )


def _above(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def copy_pairs(
    source: str,
    pairs: Sequence[Pair],
    target: str,
    label: str,
    stop: threading.Event | None = None,
) -> None:
    """Copy files and objects from the folder `source` to the folder `target`.

    Raises StoreError when a store fails, DamagedError when a snapshot is not what its manifest
    says (then the copy has no manifest), CaffeMnistError for files that cannot be read or
    written; what was copied until then stays.
    """
    for pair in pairs:
        check_name(pair.name, source)
    copying = _Copying(Side(source), Side(target), Crew(stop))
    size = sum(pair.entry.size for pair in pairs)
    with Progress(label, size, len(pairs)) as progress:
        copying.run(pairs, progress)


class _Copying:
    """The steps of one copy, in the order that keeps manifests true."""

    def __init__(self, source: Side, target: Side, crew: Crew) -> None:
        self._source, self._target, self._crew = source, target, crew
        self._digests: dict[str, str] = {}

    def run(self, pairs: Sequence[Pair], progress: Progress) -> None:
        last = {MANIFEST: 1, POINTER: 2}
        steps: list[list[Pair]] = [[], [], []]
        for pair in pairs:
            steps[last.get(pair.name.rpartition("/")[2], 0)].append(pair)
        folders = {pair.name.rpartition("/")[0] for pair in steps[0]}
        replaced = [one.name for one in steps[1] if one.name.rpartition("/")[0] in folders]
        self._crew.run(self._target.delete, replaced)
        for step, some in enumerate(steps):
            if step == 1:
                self._crew.run(self._check_manifest, some)
            self._crew.run(lambda pair: self._copy(pair, progress), some)
            self._check_sizes(some)

    def _copy(self, pair: Pair, progress: Progress) -> None:
        def moved(count: int) -> None:
            progress.add(count)
            if count > 0:
                self._crew.check()

        try:
            with self._crew.memory(pair.entry.size):
                digest = transfer(self._source, pair.entry, self._target, pair.name, moved)
            self._digests[pair.entry.name] = digest
        except MissingError:
            if pair.entry.size:
                raise
            # No object: it stands for an empty folder.
        progress.done()

    def _check_manifest(self, pair: Pair) -> None:
        """Whether the files of this snapshot that were copied are those that it promises."""
        where = join(self._source.url, pair.entry.name)
        if pair.entry.size > 2**20:
            return
        try:
            content = b"".join(self._source.chunks(pair.entry.name))
            manifest = Manifest.from_json(content, where)
        except StoreError:
            raise
        except CaffeMnistError:  # some other file of this name, or one of a newer release
            return
        folder = pair.entry.name.rpartition("/")[0]
        for file in manifest.files:
            name = f"{folder}/{file.name}" if folder else file.name
            if self._digests.get(name, file.sha256) != file.sha256:
                raise DamagedError(
                    "is not what its manifest says: it was damaged or replaced",
                    where=join(self._source.url, name),
                )

    def _check_sizes(self, pairs: Sequence[Pair]) -> None:
        """A store holds as many bytes as it was sent. (Files are checked as they are written.)"""
        if self._target.folder is not None or not pairs:
            return
        store = self._target.store
        pairs = [pair for pair in pairs if pair.entry.name in self._digests]
        if len(pairs) <= FEW:
            found = dict(zip(pairs, self._crew.run(lambda pair: store.size(pair.name), pairs)))
        else:
            sizes = {entry.name: entry.size for entry in store.list()}
            found = {pair: sizes.get(pair.name) for pair in pairs}
        for pair, size in found.items():
            if size != pair.entry.size:
                raise StoreError(
                    f"holds {size} bytes instead of {pair.entry.size}",
                    where=join(store.url, pair.name),
                )


def download(url: str, path: Path) -> None:
    """One object into one file, written aside and renamed."""
    folder, name = parent(url)
    side = Side(folder)
    if side.folder is None:
        entry = side.store.entry(name)
    else:
        size = object_size(url)
        entry = None if size is None else Entry(name, size)
    if entry is None:
        raise StoreError("there is no such object", where=url)
    transfer(side, Entry(name, entry.size), Side(str(path.parent)), path.name, lambda count: None)


def download_folder(
    url: str,
    folder: Path,
    only: Callable[[str], bool] | None = None,
    label: str = "download",
) -> list[Path]:
    """Everything below `url` into `folder`; returns the files.

    `only` picks by name. A file gets its object's time, so that one of the same size and time
    is kept. Raises StoreError when there is nothing, or when the store fails.
    """
    if is_local(url) and not os.path.isdir(parse(url).path):
        raise StoreError("there is no such folder", where=url)
    entries = [entry for entry in listed(url) if only is None or only(entry.name)]
    if not entries:
        raise StoreError("there is nothing to copy", where=url, hint="is the URL right?")
    for entry in entries:
        check_name(entry.name, url)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [entry for entry in entries if not is_there(folder / entry.name, entry)]
    copy_pairs(url, [Pair(entry, entry.name) for entry in wanted], str(folder), label)
    return [folder / entry.name for entry in entries]


def upload_folder(folder: Path, url: str, label: str = "upload") -> list[str]:
    """Every file below `folder` to `url`; returns the names. What is there is replaced."""
    entries = files_below(folder)
    if not entries:
        raise CaffeMnistError("there is nothing to copy", where=folder)
    copy_pairs(str(folder), [Pair(entry, entry.name) for entry in entries], url, label)
    return [entry.name for entry in entries]


def check_name(name: str, url: str) -> None:
    """Refuse names that would leave the folder."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise StoreError(f"object name {name!r} is no path within a folder", where=url)
