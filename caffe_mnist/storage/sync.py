"""`sync`: what is new or changed in one place goes to another; nothing is removed there."""

from __future__ import annotations

import threading
from typing import NamedTuple

from caffe_mnist.storage.copies import Pair, check_apart, copy_pairs
from caffe_mnist.storage.crew import Crew
from caffe_mnist.storage.differences import differs
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.places import find, listed
from caffe_mnist.storage.store import StoreError
from caffe_mnist.storage.transfers import Side


class Synced(NamedTuple):
    """How many files were copied, and how many were the same already."""

    copied: int
    kept: int


def sync(
    source: str,
    target: str,
    checksum: bool = False,
    stop: threading.Event | None = None,
) -> Synced:
    """Bring everything below the folder `source` to below `target`, as far as it differs.

    `checksum` compares contents, whatever the times are. Raises StoreError when there is
    nothing at `source` or a store fails.
    """
    place = find(source)
    if place.single:
        raise StoreError("is a single file: use cp", where=source)
    if not place.entries:
        raise StoreError("there is nothing to copy", where=source)
    check_apart(place.url, target, [Pair(entry, entry.name) for entry in place.entries])
    there = {entry.name: entry for entry in listed(target)}
    one, other, crew = Side(place.url), Side(target), Crew(stop)

    def wanted(entry: Entry) -> bool:
        found = there.get(entry.name)
        return found is None or differs(one, entry, other, found, checksum)

    chosen = crew.run(wanted, place.entries)
    pairs = [Pair(entry, entry.name) for entry, new in zip(place.entries, chosen) if new]
    copy_pairs(place.url, pairs, target, "copied", stop)
    return Synced(len(pairs), len(place.entries) - len(pairs))
