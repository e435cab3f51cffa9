"""`verify`: every snapshot below a URL against its manifest, every byte.

A snapshot is damaged when a file that its manifest names is missing or has another size or
SHA-256, when the manifest cannot be read or is of a newer version, and when there is none beside
files of a solver. `newest.json` must name a snapshot that is there.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.crew import Crew
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.manifest import MANIFEST, Manifest, ManifestFile
from caffe_mnist.storage.places import find
from caffe_mnist.storage.progress import Progress
from caffe_mnist.storage.store import StoreError
from caffe_mnist.storage.survey import FINAL
from caffe_mnist.storage.transfers import Side
from caffe_mnist.storage.urls import join

POINTER = "newest.json"


@dataclass(frozen=True)
class Verdict:
    """One snapshot: its URL, what it is, and what is wrong with it (nothing: it is complete)."""

    url: str
    manifest: Manifest | None
    faults: tuple[str, ...]


def verify(url: str, stop: threading.Event | None = None) -> list[Verdict]:
    """Check every snapshot below `url`, and `newest.json`.

    Raises StoreError when there is no snapshot at all, or when the store fails.
    """
    place = find(url)
    sizes = {entry.name: entry.size for entry in place.entries}
    if place.single and not place.entries[0].name.endswith(MANIFEST):
        raise StoreError("is no snapshot: name its folder", where=url)
    if place.single:  # its manifest was named
        return verify(place.url, stop)
    side, crew = Side(place.url), Crew(stop)
    folders = sorted(_snapshots(place.entries), key=_order)
    if not folders:
        raise StoreError(f"no snapshot here: there is no {MANIFEST}", where=url)
    manifests = crew.run(lambda folder: _manifest(side, folder, sizes), folders)
    found = dict(zip(folders, manifests))
    faults: dict[str, list[str]] = {folder: [] for folder in folders}
    files = [
        (folder, file)
        for folder, manifest in found.items()
        if isinstance(manifest, Manifest)
        for file in manifest.files
    ]
    with Progress("verified", sum(file.size for _, file in files), len(files)) as progress:

        def check(item: tuple[str, ManifestFile]) -> str | None:
            folder, file = item
            fault = _check(side, _name(folder, file.name), file, sizes, crew, progress)
            progress.done()
            return fault

        for (folder, _), fault in zip(files, crew.run(check, files)):
            if fault is not None:
                faults[folder].append(fault)
    verdicts = []
    for folder, manifest in found.items():
        known = manifest if isinstance(manifest, Manifest) else None
        wrong = faults[folder] if known else [str(manifest)]
        verdicts.append(Verdict(join(place.url, folder) if folder else url, known, tuple(wrong)))
    return verdicts + _pointer(side, sizes, found)


def _snapshots(entries: tuple[Entry, ...]) -> set[str]:
    """Folders with a manifest, and those that should have one."""
    folders = set()
    for entry in entries:
        folder, _, name = entry.name.rpartition("/")
        last = folder.rpartition("/")[2]
        numbered = last.isdigit() and re.search(r"\.(caffemodel|solverstate)(\.h5)?$", name)
        if name == MANIFEST or last == FINAL or numbered:
            folders.add(folder)
    return folders


def _order(folder: str) -> list[tuple[int, int, str]]:
    """Numbers by their value, before words."""
    parts = folder.split("/")
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _manifest(side: Side, folder: str, sizes: dict[str, int]) -> Manifest | str:
    """The manifest of a folder, or why there is none."""
    name = _name(folder, MANIFEST)
    where = join(side.url, name)
    if name not in sizes:
        return f"{join(side.url, folder)}: no {MANIFEST}: not a complete snapshot"
    if sizes[name] > 2**20:
        return f"{where}: is no manifest: {sizes[name]} bytes"
    content = b"".join(side.chunks(name))
    try:
        return Manifest.from_json(content, where)
    except CaffeMnistError as error:
        return str(error)


def _check(
    side: Side,
    name: str,
    file: ManifestFile,
    sizes: dict[str, int],
    crew: Crew,
    progress: Progress,
) -> str | None:
    where = join(side.url, name)
    if name not in sizes:
        return f"{where}: missing"
    if sizes[name] != file.size:
        return f"{where}: damaged: {sizes[name]} bytes, the manifest says {file.size}"
    digest = hashlib.sha256()
    for chunk in side.chunks(name):
        digest.update(chunk)
        progress.add(len(chunk))
        crew.check()
    if digest.hexdigest() != file.sha256:
        return f"{where}: damaged: its SHA-256 is not that in the manifest"
    return None


def _pointer(side: Side, sizes: dict[str, int], found: dict[str, Manifest | str]) -> list[Verdict]:
    """A verdict on each `newest.json` that names what is not there."""
    wrong = []
    for name in sizes:
        above, _, last = name.rpartition("/")
        if last != POINTER or sizes[name] > 2**16:
            continue
        where = join(side.url, name)
        try:
            folder = str(json.loads(b"".join(side.chunks(name)))["folder"])
        except (ValueError, KeyError, TypeError):
            wrong.append(Verdict(where, None, (f"{where}: cannot be read",)))
            continue
        if not isinstance(found.get(_name(above, folder)), Manifest):
            wrong.append(Verdict(where, None, (f"{where}: names {folder}, no complete snapshot",)))
    return wrong


def _name(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
