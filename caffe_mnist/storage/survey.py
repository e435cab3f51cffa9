"""Which complete snapshots lie in a store, and of which training they are."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.begun import BEGUN, LARGEST, Begun
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.manifest import LARGEST_MANIFEST, MANIFEST, Manifest
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.urls import join

FINAL = "final"
NUMBER = re.compile("[0-9]{1,18}")
# How often something that arrived damaged is read again.
TRIES = 3


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
