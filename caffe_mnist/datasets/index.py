"""The index of a set of record databases (`dataset.json`): one dataset, however many files.

    {"version": 1, "records": 3, "classes": ["cat", "dog"], "channels": 3, "height": 256,
     "width": 256, "arguments": {...}, "skipped": 0,
     "shards": [{"path": "train_lmdb", "records": 3, "first": 0, "sha256": "...",
                 "labels": {"0": 2, "1": 1}}]}

A shard's path is relative to the index's folder. `first` is the number at which its keys begin
at the earliest; `sha256` is that of all its keys and values one after the other, in order, so
that it does not depend on how LMDB laid them out. `why`, where pictures were skipped, holds
their names and reasons. Channels, height and width are null where
pictures differ or are still encoded. A dataset of several sets has {"version": 1, "sets":
{"train": {as above}, "val": {...}}}. What one machine of several made is a part: it has
"part": [I, N] besides. Nothing in the file depends on when or by how many workers it was made.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from caffe_mnist.datasets.aside import write_whole
from caffe_mnist.errors import CaffeMnistError

NAME = "dataset.json"
VERSION = 1
# A set that nobody named.
TRAIN = "train"


class Shard(NamedTuple):
    """One database of a set: `labels` says how many records have each label."""

    path: str
    records: int
    first: int
    sha256: str
    labels: Mapping[int, int] = {}


class RecordSet(NamedTuple):
    """Databases that are read one after the other. `shape` is C × H × W, or None if mixed.

    `why` tells of each picture that was skipped its name and the reason; older indexes only count
    them.
    """

    shards: tuple[Shard, ...]
    classes: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    skipped: int = 0
    arguments: Mapping[str, Any] = {}
    part: tuple[int, int] | None = None
    why: tuple[tuple[str, str], ...] = ()

    @property
    def records(self) -> int:
        """The records of all shards."""
        return sum(shard.records for shard in self.shards)

    @property
    def labels(self) -> Mapping[int, int]:
        """How many records of all shards have each label."""
        total: Counter[int] = Counter()
        for shard in self.shards:
            total.update(shard.labels)
        return dict(sorted(total.items()))


class Index(NamedTuple):
    """An index that was read: its file, and its sets by name."""

    path: str
    sets: Mapping[str, RecordSet]

    def get(self, name: str = TRAIN) -> RecordSet:
        """The set `name`; raises CaffeMnistError naming those that there are."""
        if name not in self.sets:
            known = ", ".join(self.sets)
            raise CaffeMnistError(f"has no set {name!r}", where=self.path, hint=f"known: {known}")
        return self.sets[name]

    def place(self, shard: Shard) -> str:
        """Where a shard lies, as seen from the working folder."""
        return os.path.join(os.path.dirname(self.path), shard.path)


def index_at(path: str | os.PathLike[str]) -> str | None:
    """The index's file if `path` is one or is a folder that holds one; otherwise None."""
    path = os.fspath(path)
    if os.path.isdir(path):
        path = os.path.join(path, NAME)
    elif not path.endswith(".json"):
        return None
    return path if os.path.isfile(path) else None


def write_index(path: str | os.PathLike[str], sets: Mapping[str, RecordSet]) -> None:
    """Write the index `path`, whole or not at all; raises CaffeMnistError if that fails."""
    if list(sets) == [TRAIN]:
        content: dict[str, Any] = {"version": VERSION, **_message(sets[TRAIN])}
    else:
        content = {"version": VERSION, "sets": {name: _message(one) for name, one in sets.items()}}
    write_whole(path, json.dumps(content, indent=2).encode("ascii") + b"\n")


def read_index(path: str | os.PathLike[str]) -> Index:
    """Read `path`, an index or the folder of one.

    Raises CaffeMnistError for what is no index, one of a later version, and one whose numbers
    contradict each other. The databases are not looked at: `check_shard` does that.
    """
    where = os.path.join(path, NAME) if os.path.isdir(path) else os.fspath(path)
    try:
        with open(where, "rb") as file:
            content = json.loads(file.read())
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=where) from None
    except (ValueError, RecursionError) as error:
        raise CaffeMnistError(f"is no JSON: {error}", where=where) from None
    if isinstance(content, dict) and isinstance(content.get("pictures"), int):
        hint = "python -m caffe_mnist.convert images makes databases of them"
        raise CaffeMnistError("tells of pictures, not of databases", where=where, hint=hint)
    if not isinstance(content, dict) or not ({"sets", "shards"} & set(content)):
        raise CaffeMnistError("is no index of a dataset", where=where)
    version = _take(content, "version", int, where)
    if version > VERSION:
        raise CaffeMnistError(
            f"is of version {version}; this program reads version {VERSION}",
            where=where,
            hint="update caffe-mnist",
        )
    found = _take(content, "sets", dict, where) if "sets" in content else {TRAIN: content}
    if not found:
        raise CaffeMnistError("names no sets", where=where)
    return Index(where, {name: _set(one, f"{where}: set {name}") for name, one in found.items()})


def make_shard(
    path: str, records: int, first: int, sha256: str, labels: Mapping[int, int]
) -> Shard:
    """A shard, its labels in order: the same bytes in the index whoever counted them."""
    return Shard(path.replace(os.sep, "/"), records, first, sha256, dict(sorted(labels.items())))


def digest(records: Iterable[tuple[bytes, bytes | memoryview]]) -> str:
    """The checksum of records: SHA-256 of all keys and values, in their order."""
    total = hashlib.sha256()
    for key, value in records:
        total.update(key)
        total.update(value)
    return total.hexdigest()


def check_shard(index: Index, shard: Shard, *, whole: bool = False) -> None:
    """Raise CaffeMnistError unless the shard's database is there with the records it should have.

    Only counted, unless `whole` asks for its checksum too (every byte is read).
    """
    from caffe_mnist.datasets.database import Database

    place = index.place(shard)
    if not os.path.isdir(place):
        raise CaffeMnistError(f"the shard {shard.path} is missing", where=index.path)
    with Database(place) as database:
        if len(database) != shard.records:
            what = f"the shard {shard.path} has {len(database)} records, not {shard.records}"
            raise CaffeMnistError(what, where=index.path)
        if whole and digest(database.records()) != shard.sha256:
            raise CaffeMnistError(f"the shard {shard.path} is not as it was made", where=index.path)


def _message(one: RecordSet) -> dict[str, Any]:
    channels, height, width = one.shape or (None, None, None)
    found: dict[str, Any] = {
        "records": one.records,
        "classes": list(one.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "arguments": dict(one.arguments),
        "skipped": one.skipped,
        "shards": [
            {
                "path": shard.path,
                "records": shard.records,
                "first": shard.first,
                "sha256": shard.sha256,
                "labels": {str(label): count for label, count in shard.labels.items()},
            }
            for shard in one.shards
        ],
    }
    if one.why:
        found["why"] = [list(skipped) for skipped in one.why]
    if one.part is not None:
        found["part"] = list(one.part)
    return found


def _set(found: Any, where: str) -> RecordSet:
    if not isinstance(found, dict):
        raise CaffeMnistError("is no object", where=where)
    shards = tuple(
        _shard(one, f"{where}: shard {number}")
        for number, one in enumerate(_take(found, "shards", list, where))
    )
    records = _take(found, "records", int, where)
    total = sum(shard.records for shard in shards)
    if records != total:
        raise CaffeMnistError(f"counts {records} records, its shards {total}", where=where)
    if not records:
        raise CaffeMnistError("has no records", where=where)
    for one, next_one in zip(shards, shards[1:]):
        if next_one.first < one.first + one.records:
            what = f"the shard {next_one.path} begins at {next_one.first}, before the end of "
            raise CaffeMnistError(what + one.path, where=where)
    if len({shard.path for shard in shards}) < len(shards):
        raise CaffeMnistError("names one shard twice", where=where)
    classes = _take(found, "classes", list, where)
    if any(not isinstance(name, str) for name in classes):
        raise CaffeMnistError("has classes that are no strings", where=where)
    skipped = _take(found, "skipped", int, where)
    arguments = _take(found, "arguments", dict, where)
    return RecordSet(
        shards,
        tuple(classes),
        _shape(found, where),
        skipped,
        arguments,
        _part(found, where),
        _why(found, where),
    )


def _shard(found: Any, where: str) -> Shard:
    if not isinstance(found, dict):
        raise CaffeMnistError("is no object", where=where)
    path, sha256 = (_take(found, name, str, where) for name in ("path", "sha256"))
    records, first = (_take(found, name, int, where) for name in ("records", "first"))
    if not path or os.path.isabs(path):
        raise CaffeMnistError(f"path {path!r} is not relative to the index", where=where)
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise CaffeMnistError(f"{sha256!r} is no SHA-256", where=where)
    if records < 1 or first < 0:
        raise CaffeMnistError(f"{records} records from {first} on cannot be", where=where)
    labels = {}
    for label, count in _take(found, "labels", dict, where).items():
        if not re.fullmatch(r"-?[0-9]{1,10}", label) or not _is(count, int) or count < 1:
            raise CaffeMnistError(f"labels: {label!r}: {count!r} is no count", where=where)
        labels[int(label)] = count
    if sum(labels.values()) != records:
        what = f"counts {records} records, its labels {sum(labels.values())}"
        raise CaffeMnistError(what, where=where)
    return Shard(path, records, first, sha256, labels)


def _shape(found: dict[str, Any], where: str) -> tuple[int, int, int] | None:
    sizes = [found.get(name) for name in ("channels", "height", "width")]
    if sizes == [None, None, None]:
        return None
    channels, height, width = (
        _take(found, name, int, where) for name in ("channels", "height", "width")
    )
    if min(channels, height, width) < 1:
        raise CaffeMnistError(f"pictures of {sizes} cannot be", where=where)
    return channels, height, width


def _why(found: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    pairs = _take(found, "why", list, where) if "why" in found else []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(_is(one, str) for one in pair):
            raise CaffeMnistError(f"why: {str(pair)[:40]!r} is no name and reason", where=where)
    return tuple((name, reason) for name, reason in pairs)


def _part(found: dict[str, Any], where: str) -> tuple[int, int] | None:
    if "part" not in found:
        return None
    part = found["part"]
    if not isinstance(part, list) or len(part) != 2 or not all(_is(one, int) for one in part):
        raise CaffeMnistError(f"part {part!r} is no pair of numbers", where=where)
    if not 0 <= part[0] < part[1]:
        raise CaffeMnistError(f"part {part[0]} of {part[1]} cannot be", where=where)
    return part[0], part[1]


def _take(found: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    if name not in found:
        raise CaffeMnistError(f"has no {name}", where=where)
    if not _is(found[name], kind):
        what = {int: "whole number", str: "string", list: "list", dict: "object"}[kind]
        raise CaffeMnistError(f"{name} is no {what}: {str(found[name])[:40]!r}", where=where)
    return found[name]


def _is(value: object, kind: type) -> bool:
    """JSON's true is no number."""
    return isinstance(value, kind) and not isinstance(value, bool)
