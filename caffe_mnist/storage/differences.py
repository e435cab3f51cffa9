"""Which files of one place are new or changed in comparison with another.

Files of different sizes differ. Of the same size, times decide where they can: a file that was
downloaded has its object's time, and an object that is younger than the file was made of it.
Where they cannot, and always on request, content decides: by the MD5 that most stores give of
objects in one part, or else by reading both.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.transfers import Side


def is_there(path: Path, entry: Entry) -> bool:
    """Whether a local file has the size and the time of an object that it was made from."""
    if not path.is_file():
        return False
    status = path.stat()
    return status.st_size == entry.size and _same_time(status.st_mtime, entry.modified)


def differs(source: Side, entry: Entry, target: Side, found: Entry, checksum: bool = False) -> bool:
    """Whether `entry` is to be copied over `found`. `checksum`: do not trust times."""
    if entry.size != found.size:
        return True
    if source.folder is None and target.folder is None and _tag(entry) and _tag(found):
        return _tag(entry) != _tag(found)
    if not checksum:
        if target.folder is not None and _same_time(entry.modified, found.modified):
            return False
        if target.folder is None and found.modified > entry.modified:
            return False
    one, other = _md5(source, entry, found), _md5(target, found, entry)
    if one and other:
        equal = one == other
    else:
        equal = checksum and _sha256(source, entry.name) == _sha256(target, found.name)
    if equal and target.folder is not None:
        os.utime(target.folder / found.name, (entry.modified, entry.modified))
    return not equal


def _same_time(one: float, other: float) -> bool:
    return abs(one - other) < 1e-3


def _md5(side: Side, entry: Entry, other: Entry) -> str:
    """The MD5 of one end, if the other end's is known without reading it or this one's is."""
    if side.folder is None:
        return _tag(entry)
    if not _tag(other):
        return ""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in side.chunks(entry.name):
        digest.update(chunk)
    return digest.hexdigest()


def _tag(entry: Entry) -> str:
    """The MD5 in an object's tag; empty where the tag is none."""
    tag = entry.e_tag.lower()
    return tag if re.fullmatch("[0-9a-f]{32}", tag) else ""


def _sha256(side: Side, name: str) -> str:
    digest = hashlib.sha256()
    for chunk in side.chunks(name):
        digest.update(chunk)
    return digest.hexdigest()
