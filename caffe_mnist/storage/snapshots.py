"""Complete snapshots in a store.

A snapshot is a folder (`<root>/1`, `/2`, … and `<root>/final`) whose `manifest.json` is written
last. With it, every byte named in it is there, and has the SHA-256 in it; without it, the
snapshot does not exist (manifest.py; survey.py finds those that are there).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage.manifest import MANIFEST, Manifest, ManifestFile
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.survey import TRIES, read_manifest
from caffe_mnist.storage.urls import is_local, join, parse


class ChangedFileError(CaffeMnistError):
    """A file that was written to while it was being uploaded."""


class DamagedError(StoreError):
    """An object that is not what its manifest says."""


def publish(
    url: str,
    files: Sequence[Path],
    iteration: int,
    progress: Callable[[int], None] | None = None,
    training: str = "",
) -> Manifest:
    """Upload `files` to the folder `url` and write its manifest last.

    `training` is the name of the training that they are of.

    The manifest of what is there already is taken away only when something of that must be
    replaced, after the other files have arrived; objects that the new one does not name are
    removed before it is written. Raises ChangedFileError when a file changes meanwhile, and
    StoreError when the store fails or holds another size than was sent; then there is no new
    manifest.
    """
    store = open_store(url)
    before = _promised(store)
    stands = bool(before)
    entries: dict[str, ManifestFile] = {}
    for path in sorted(files, key=lambda path: path.name in before):
        if stands and path.name in before:
            store.delete(MANIFEST)
            stands = False
        entries[path.name] = _upload(store, path, progress)
    if stands:
        store.delete(MANIFEST)
    sizes = {entry.name: entry.size for entry in store.list()}
    for entry in entries.values():
        if sizes.get(entry.name) != entry.size:
            raise StoreError(
                f"holds {sizes.get(entry.name)} bytes instead of {entry.size}",
                where=join(url, entry.name),
            )
    for name in set(sizes) - set(entries) - {MANIFEST}:
        store.delete(name)
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    promised = tuple(entries[path.name] for path in files)
    manifest = Manifest(iteration, created, promised, training)
    store.write(MANIFEST, manifest.to_json())
    return manifest


def _promised(store: Store) -> frozenset[str]:
    """The names in a manifest that is there; one that cannot be read is taken away."""
    if store.size(MANIFEST) is None:
        return frozenset()
    try:
        manifest = Manifest.from_json(store.read(MANIFEST), join(store.url, MANIFEST))
    except StoreError:
        raise
    except CaffeMnistError:
        store.delete(MANIFEST)
        return frozenset()
    if not manifest.files:
        store.delete(MANIFEST)
    return frozenset(file.name for file in manifest.files)


def remove(root: str, folder: str) -> None:
    """Remove a snapshot, its manifest first, so that it is never there without its files.

    On a disk the empty folder goes, too.
    """
    store = open_store(root)
    store.delete(f"{folder}/{MANIFEST}")
    for entry in store.list(folder):
        store.delete(entry.name)
    if is_local(root):
        with contextlib.suppress(OSError):  # something else lies in it
            os.rmdir(parse(join(root, folder)).path)


def fetch(url: str, folder: Path, only: Callable[[str], bool] | None = None) -> list[Path]:
    """Download a complete snapshot into `folder`, every byte checked; returns the files.

    `only` picks files by name. Files that are there with the right size and digest are kept.
    Raises DamagedError when what arrives is not what the manifest promises.
    """
    manifest = read_manifest(url)
    store = open_store(url)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for entry in manifest.files:
        if only is not None and not only(entry.name):
            continue
        path = folder / entry.name
        paths.append(path)
        if path.is_file() and path.stat().st_size == entry.size and sha256(path) == entry.sha256:
            continue
        for attempt in range(TRIES):
            try:
                with replacing(path) as aside:
                    _download(store, entry, aside)
                break
            except DamagedError:  # on the way, or in the store
                if attempt + 1 == TRIES:
                    raise
    return paths


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(2**20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _download(store: Store, entry: ManifestFile, target: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        for chunk in store.chunks(entry.name):
            digest.update(chunk)
            size += len(chunk)
            if size > entry.size:
                break
            file.write(chunk)
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise DamagedError(
            "is not what its manifest says: the object was damaged or replaced",
            where=join(store.url, entry.name),
        )


def _upload(store: Store, path: Path, progress: Callable[[int], None] | None) -> ManifestFile:
    try:
        before = _state(path.stat())
        digest = store.upload(path, path.name, progress)
        after = _state(path.stat())
    except FileNotFoundError:
        raise ChangedFileError("vanished while it was uploaded", where=path) from None
    if before != after:
        raise ChangedFileError("changed while it was uploaded", where=path)
    return ManifestFile(path.name, before[1], digest)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
