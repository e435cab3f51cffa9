"""`ls`: what is at a URL, with sizes and times."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.places import find, local_path, parent
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import is_local, parse


class Listing(NamedTuple):
    """The folders at a place (when it was not looked into them) and the files."""

    folders: list[str]
    entries: list[Entry]


def look(url: str, recursive: bool = False) -> Listing:
    """What is at `url`: an object of that name, or the content of the folder.

    Raises StoreError when there is nothing; an empty bucket is something.
    """
    if recursive or (is_local(url) and not local_path(url).is_dir()):
        return Listing([], list(find(url).entries))
    if is_local(url):
        folder = local_path(url)
        folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return Listing(folders, [_entry(path.name, path.stat()) for path in files])
    if parse(url).path and not url.endswith("/"):
        above, name = parent(url)
        found = open_store(above).entry(name)
        if found is not None:
            return Listing([], [found])
    store = open_store(url)
    folders, entries = store.list_level()
    if not folders and not entries and parse(url).path and not store.markers():
        raise StoreError("there is nothing here", where=url, hint="is the URL right?")
    return Listing(folders, entries)


def _entry(name: str, status: os.stat_result) -> Entry:
    return Entry(name, status.st_size, status.st_mtime)


def lines(listing: Listing) -> Iterable[str]:
    """A line for each folder and file (bytes, time in UTC, name), and one with the totals."""
    width = max([len(f"{entry.size}") for entry in listing.entries], default=1)
    for folder in listing.folders:
        yield f"{'-':>{width}}  {'folder':20}  {folder}/"
    for entry in listing.entries:
        yield f"{entry.size:>{width}}  {_time(entry.modified)}  {entry.name}"
    size = sum(entry.size for entry in listing.entries)
    parts = [plural(len(listing.entries), "file"), amount(size)]
    if listing.folders:
        parts.insert(0, plural(len(listing.folders), "folder"))
    yield ", ".join(parts)


def plural(number: int, noun: str) -> str:
    """`3 files`, `1 file`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount(size: int) -> str:
    """Bytes for people: `512 bytes`, `1.7 MB`."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return plural(size, "byte")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
