"""What a store lists: its objects, without those that only show a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One object: its name below the store's place, its bytes, when it was written (epoch)."""

    name: str
    size: int
    modified: float = 0.0
    e_tag: str = ""


# The folders and the objects of one folder.
Level = tuple[list[str], list[Entry]]


def entry_of(found: Any) -> Entry:
    """From what the library lists."""
    tag = (found["e_tag"] or "").strip('"')
    return Entry(found["path"], int(found["size"]), found["last_modified"].timestamp(), tag)


def files_of(entries: list[Entry]) -> list[Entry]:
    """Sorted, without the empty objects that consoles make to show a folder."""
    folders = {""}.union(*(_parents(entry.name) for entry in entries))
    kept = [entry for entry in entries if entry.size or entry.name not in folders]
    return sorted(kept, key=lambda entry: entry.name)


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
