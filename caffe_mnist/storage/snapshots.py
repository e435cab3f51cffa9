"""Complete snapshots in a store.

A snapshot is a folder (`<root>/1`, `/2`, … and `<root>/final`) whose `manifest.json` is written
last. With it, every byte named in it is there, and has the SHA-256 in it; without it, the
snapshot does not exist. The manifest:

    {"version": 1, "iteration": 500, "created": "2026-01-31T12:00:00Z",
     "files": [{"name": "x_iter_500.caffemodel", "size": 1725025, "sha256": "…"}, …]}
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.urls import join

MANIFEST = "manifest.json"
FINAL = "final"
VERSION = 1


class ChangedFileError(CaffeMnistError):
    """A file that was written to while it was being uploaded."""


class DamagedError(StoreError):
    """An object that is not what its manifest says."""


@dataclass(frozen=True)
class ManifestFile:
    """One file of a snapshot: name, bytes, and their SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What makes a snapshot complete."""

    iteration: int
    created: str
    files: tuple[ManifestFile, ...]

    def to_json(self) -> bytes:
        """The bytes of `manifest.json`."""
        return (json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes, where: object) -> Manifest:
        """Read a manifest; raises CaffeMnistError for anything else, and for newer versions."""
        try:
            found = json.loads(content)
            version = found.get("version", VERSION)
            if not isinstance(version, int) or version > VERSION:
                raise CaffeMnistError(
                    f"is of version {version}, this program knows {VERSION}",
                    where=where,
                    hint="use a newer release",
                )
            files = tuple(
                ManifestFile(_plain_name(file["name"]), int(file["size"]), str(file["sha256"]))
                for file in found["files"]
            )
            return cls(int(found["iteration"]), str(found["created"]), files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CaffeMnistError(f"is no manifest: {error!r}", where=where) from None


@dataclass(frozen=True)
class Published:
    """A complete snapshot in a store: its folder below the root, its URL and its manifest."""

    folder: str
    url: str
    manifest: Manifest

    @property
    def number(self) -> int | None:
        """The folder's number, None for `final`."""
        return int(self.folder) if self.folder.isdigit() else None

    @property
    def resumable(self) -> bool:
        """Whether it holds the state of a solver."""
        names = [file.name for file in self.manifest.files]
        return any(re.search(r"\.solverstate(\.h5)?$", name) for name in names)


def published(root: str) -> list[Published]:
    """The complete snapshots below `root`, by iteration (numbered ones before `final`).

    A folder whose manifest cannot be read as one is left out, as if it were not there.
    """
    store = open_store(root)
    sizes = {entry.name: entry.size for entry in store.list()}
    found = []
    for name in sizes:
        match = re.fullmatch(rf"(\d+|{FINAL})/{MANIFEST}", name)
        if match is None:
            continue
        try:
            manifest = Manifest.from_json(store.read(name), join(root, name))
        except CaffeMnistError as error:
            if isinstance(error, StoreError):
                raise
            continue
        folder = match.group(1)
        if all(sizes.get(f"{folder}/{file.name}") == file.size for file in manifest.files):
            found.append(Published(folder, join(root, folder), manifest))
    return sorted(found, key=lambda one: (one.manifest.iteration, one.number is None, one.folder))


def newest(root: str) -> Published | None:
    """The complete snapshot of the highest iteration that can be resumed, or None."""
    resumable = [one for one in published(root) if one.resumable]
    return resumable[-1] if resumable else None


def read_manifest(url: str) -> Manifest:
    """The manifest of the snapshot at `url`; raises StoreError if there is none."""
    store = open_store(url)
    if store.size(MANIFEST) is None:
        raise StoreError(
            f"no complete snapshot: there is no {MANIFEST}", where=url, hint="is the URL right?"
        )
    return Manifest.from_json(store.read(MANIFEST), join(url, MANIFEST))


def publish(
    url: str,
    files: Sequence[Path],
    iteration: int,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Upload `files` to the folder `url` and write its manifest last.

    A manifest that is already there is taken away first, and objects that the new one does not
    name are removed afterwards. Raises ChangedFileError when a file changes meanwhile, and
    StoreError when the store fails or holds another size than was sent; then there is no
    manifest.
    """
    store = open_store(url)
    store.delete(MANIFEST)
    entries = tuple(_upload(store, path, progress) for path in files)
    sizes = {entry.name: entry.size for entry in store.list()}
    for entry in entries:
        if sizes.get(entry.name) != entry.size:
            raise StoreError(
                f"holds {sizes.get(entry.name)} bytes instead of {entry.size}",
                where=join(url, entry.name),
            )
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = Manifest(iteration, created, entries)
    store.write(MANIFEST, manifest.to_json())
    for name in set(sizes) - {entry.name for entry in entries} - {MANIFEST}:
        store.delete(name)
    return manifest


def remove(root: str, snapshot: Published) -> None:
    """Remove a snapshot, its manifest first, so that it is never there without its files."""
    store = open_store(root)
    store.delete(f"{snapshot.folder}/{MANIFEST}")
    for entry in store.list(snapshot.folder):
        store.delete(entry.name)


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
        with replacing(path) as aside:
            _download(store, entry, aside)
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
    digest, size = hashlib.sha256(), 0

    def content(file: Any) -> Iterator[bytes]:
        nonlocal size
        for chunk in iter(lambda: file.read(2**20), b""):
            digest.update(chunk)
            size += len(chunk)
            if progress is not None:
                progress(len(chunk))
            yield chunk

    try:
        with path.open("rb") as file:
            before = _state(os.fstat(file.fileno()))
            store.write_chunks(path.name, content(file))
        after = _state(path.stat())
    except FileNotFoundError:
        raise ChangedFileError("vanished while it was uploaded", where=path) from None
    if before != after or size != before[1]:
        raise ChangedFileError("changed while it was uploaded", where=path)
    return ManifestFile(path.name, size, digest.hexdigest())


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _plain_name(name: Any) -> str:
    if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
        raise ValueError(f"the file name {name!r} is not a plain one")
    return name
