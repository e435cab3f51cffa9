"""The manifest of a snapshot: which files it has, with their sizes and checksums.

{"version": 1, "iteration": 500, "created": "2026-01-31T12:00:00Z",
 "training": "20260131-120000-1a2b3c",
 "files": [{"name": "x_iter_500.caffemodel", "size": 1725025, "sha256": "…"}, …]}
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from caffe_mnist.errors import CaffeMnistError

MANIFEST = "manifest.json"
VERSION = 1
LARGEST_MANIFEST = 2**20
LONGEST_NAME = 240  # bytes: a file system takes 255, and a neighbour's name is longer


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
