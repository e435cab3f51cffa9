"""Complete snapshots in a store.

A snapshot is a folder (`<root>/1`, `/2`, … and `<root>/final`) whose `manifest.json` is written
last. With it, every byte named in it is there, and has the SHA-256 in it; without it, the
snapshot does not exist. The manifest:

    {"version": 1, "iteration": 500, "created": "2026-01-31T12:00:00Z",
     "training": "20260131-120000-1a2b3c",
     "files": [{"name": "x_iter_500.caffemodel", "size": 1725025, "sha256": "…"}, …]}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage.begun import BEGUN, LARGEST, Begun
from caffe_mnist.storage.store import Entry, Store, StoreError, open_store
from caffe_mnist.storage.urls import is_local, join, parse

MANIFEST = "manifest.json"
FINAL = "final"
VERSION = 1
LARGEST_MANIFEST = 2**20
NUMBER = re.compile("[0-9]{1,18}")
# How often something that arrived damaged is read again.
TRIES = 3
LONGEST_NAME = 240  # bytes: a file system takes 255, and a neighbour's name is longer


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
    """What makes a snapshot complete; `training` is the run that began its training, if known."""

    iteration: int
    created: str
    files: tuple[ManifestFile, ...]
    training: str = ""

    def to_json(self) -> bytes:
        """The bytes of `manifest.json`."""
        fields = asdict(self)
        if not self.training:
            del fields["training"]
        return (json.dumps({"version": VERSION, **fields}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes, where: object) -> Manifest:
        """Read a manifest; raises CaffeMnistError for anything else, and for newer versions."""
        try:
            found = json.loads(content)
            version = found.get("version", VERSION)
            if version != VERSION:
                raise CaffeMnistError(
                    f"is of version {version}, this program knows {VERSION}",
                    where=where,
                    hint="use a newer release",
                )
            files = tuple(_file(entry) for entry in found["files"])
            if len({file.name for file in files}) < len(files):
                raise ValueError("names a file twice")
            training = found.get("training", "")
            if not isinstance(training, str):
                raise ValueError(f"{training!r} is no name of a training")
            return cls(_count(found["iteration"]), str(found["created"]), files, training)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CaffeMnistError(f"is no manifest: {str(error)[:200]}", where=where) from None


@dataclass(frozen=True)
class Published:
    """A complete snapshot in a store: its folder below the root, its URL and its manifest."""

    folder: str
    url: str
    manifest: Manifest

    @property
    def number(self) -> int | None:
        """The folder's number, None for `final`."""
        return int(self.folder) if NUMBER.fullmatch(self.folder) else None

    @property
    def resumable(self) -> bool:
        """Whether it holds the state of a solver."""
        names = [file.name for file in self.manifest.files]
        return any(re.search(r"\.solverstate(\.h5)?$", name) for name in names)


@dataclass(frozen=True)
class Survey:
    """What lies below a root: complete snapshots by iteration, and the numbers that are in use.

    `taken` are those of folders with a manifest of any kind (one of a newer release, say), which
    nobody may write over; `leftovers` those of folders without, which are no snapshots. `begun`
    says which of them are of earlier trainings.
    """

    complete: list[Published]
    taken: frozenset[int]
    leftovers: frozenset[int]
    begun: Begun = field(default_factory=Begun)

    @property
    def current(self) -> list[Published]:
        """The complete snapshots of the training that was begun last."""
        return [one for one in self.complete if not self.is_earlier(one)]

    def is_earlier(self, one: Published) -> bool:
        """Whether it is a snapshot of a training before the one that was begun last."""
        manifest = one.manifest
        return self.begun.is_earlier(
            one.number, manifest.iteration, manifest.created, manifest.training
        )


def survey(root: str) -> Survey:
    """The numbered folders below `root` and `final`.

    A folder whose manifest cannot be read as one is no complete snapshot, as if it were not there.
    Raises StoreError when the store fails, CaffeMnistError for a `begun.json` that is none.
    """
    store = open_store(root)
    entries = {entry.name: entry for entry in store.list()}
    folders = {name.partition("/")[0] for name in entries if "/" in name}
    with_manifest = {folder for folder in folders if f"{folder}/{MANIFEST}" in entries}
    complete = []
    for folder in with_manifest:
        if NUMBER.fullmatch(folder) or folder == FINAL:
            found = _complete(store, folder, entries)
            if found is not None:
                complete.append(found)
    complete.sort(key=lambda one: (one.manifest.iteration, one.number is None, one.number or 0))
    taken = frozenset(int(folder) for folder in with_manifest if NUMBER.fullmatch(folder))
    numbers = {int(folder) for folder in folders if NUMBER.fullmatch(folder)}
    begun = _begun(store, entries.get(BEGUN))
    return Survey(complete, taken, frozenset(numbers - taken), begun)


def read_begun(root: str) -> Begun:
    """Which training was begun last below `root`; an empty note where there is none.

    Raises StoreError when the store fails, CaffeMnistError for a `begun.json` that is none.
    """
    store = open_store(root)
    return _begun(store, store.entry(BEGUN))


def _begun(store: Store, entry: Entry | None) -> Begun:
    if entry is None or entry.size > LARGEST:
        return Begun()
    return Begun.from_json(_surely(store, entry), join(store.url, BEGUN))


def _complete(store: Store, folder: str, entries: dict[str, Entry]) -> Published | None:
    name = f"{folder}/{MANIFEST}"
    if entries[name].size > LARGEST_MANIFEST:
        return None
    try:
        manifest = Manifest.from_json(_surely(store, entries[name]), join(store.url, name))
    except StoreError:
        if store.size(name) is None:  # removed since it was listed
            return None
        raise
    except CaffeMnistError:
        return None
    there = {file.name: entries.get(f"{folder}/{file.name}") for file in manifest.files}
    if any(getattr(there[file.name], "size", None) != file.size for file in manifest.files):
        return None
    return Published(folder, join(store.url, folder), manifest)


def _surely(store: Store, entry: Entry) -> bytes:
    """The content of a small object as its tag (with S3 mostly the MD5) says, or as read twice.

    A bit that turns over on the way must not make a complete snapshot look like none.
    """
    content = store.read(entry.name)
    for _ in range(TRIES):
        if hashlib.md5(content).hexdigest() == entry.e_tag:
            break
        before, content = content, store.read(entry.name)
        if before == content:
            break
    return content


def published(root: str) -> list[Published]:
    """The complete snapshots below `root`, by iteration (numbered ones before `final`).

    A folder whose manifest cannot be read as one is left out, as if it were not there.
    """
    return survey(root).complete


def newest(root: str) -> Published | None:
    """The newest complete snapshot that can be resumed, of the training begun last, or None."""
    resumable = [one for one in survey(root).current if one.resumable]
    return resumable[-1] if resumable else None


def read_manifest(url: str) -> Manifest:
    """The manifest of the snapshot at `url`; raises StoreError if there is none."""
    store = open_store(url)
    entry = store.entry(MANIFEST)
    if entry is None:
        raise StoreError(
            f"no complete snapshot: there is no {MANIFEST}", where=url, hint="is the URL right?"
        )
    return Manifest.from_json(_surely(store, entry), join(url, MANIFEST))


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


def _file(entry: Any) -> ManifestFile:
    name, digest = entry["name"], entry["sha256"]
    plain = isinstance(name, str) and name.isprintable() and not set(name) & set("/\\")
    if not plain or name in ("", ".", "..", MANIFEST) or len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"the file name {name!r} is not a plain one")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
        raise ValueError(f"{digest!r} is no SHA-256")
    return ManifestFile(name, _count(entry["size"]), digest.lower())


def _count(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise ValueError(f"{number!r} is no count")
    return number
