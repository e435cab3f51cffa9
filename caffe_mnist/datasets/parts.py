"""What `convert merge` is given: parts of one dataset, whole datasets or databases, looked through.

Parts belong together when they are all the shards of one list, made with the same options. Whole
datasets need the same classes and the same options as to what a record is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from caffe_mnist.datasets.index import RecordSet, index_at
from caffe_mnist.errors import CaffeMnistError

PART = re.compile(r"dataset-[0-9]{5,}-of-[0-9]{5,}\.json\Z")
# What tells which pictures were taken, not what was made of them.
OF_THE_LIST = frozenset({"list", "pictures", "val", "shuffle", "seed", "limit"})


def find_parts(paths: Iterable[str]) -> list[str]:
    """Files of indexes and folders of databases at `paths`; a folder stands for the parts in it.

    Raises CaffeMnistError for what is neither, and for what is given twice.
    """
    found: list[str] = []
    for path in paths:
        names = sorted(filter(PART.match, os.listdir(path))) if os.path.isdir(path) else []
        index = index_at(path)
        if names:
            found += [os.path.join(path, name) for name in names]
        elif index is not None:
            found.append(index)
        elif os.path.isfile(os.path.join(path, "data.mdb")):
            found.append(path)
        else:
            there = "is neither an index nor an LMDB" if os.path.exists(path) else "is not there"
            raise CaffeMnistError(there, where=path)
    seen: set[str] = set()
    for path in found:
        if os.path.realpath(path) in seen:
            raise CaffeMnistError("is given twice", where=path)
        seen.add(os.path.realpath(path))
    return found


def together(ones: Sequence[tuple[str, RecordSet]]) -> list[tuple[str, RecordSet]]:
    """One set out of every index (whose path stands beside it), in the order of their records.

    Raises CaffeMnistError for sets that do not belong together, and for shards that are missing
    or given twice.
    """
    path, first = ones[0]
    for other_path, other in ones[1:]:
        if (other.part is None) != (first.part is None):
            part, whole = (path, other_path) if first.part else (other_path, path)
            raise CaffeMnistError(f"is a part, {whole} is whole", where=part)
        if other.classes != first.classes and other.classes and first.classes:
            what = f"has other classes than {path}: {_difference(first.classes, other.classes)}"
            raise CaffeMnistError(what, where=other_path)
        _check_arguments(path, first, other_path, other)
    if first.part is None:
        return list(ones)
    return _in_order(ones)


def common(ones: Sequence[RecordSet]) -> RecordSet:
    """What is true of all of them, without shards: classes, shape, arguments, what was skipped."""
    shapes = {one.shape for one in ones}
    arguments = {
        name: value
        for name, value in ones[0].arguments.items()
        if all(name in one.arguments and one.arguments[name] == value for one in ones)
    }
    classes = next((one.classes for one in ones if one.classes), ())
    for one in ones:
        wrong = [label for label in one.labels if classes and not 0 <= label < len(classes)]
        if wrong:
            what = f"label {wrong[0]} is none of the {len(classes)} classes"
            raise CaffeMnistError(what, where=one.shards[0].path)
    return RecordSet(
        (),
        classes,
        shapes.pop() if len(shapes) == 1 else None,
        sum(one.skipped for one in ones),
        arguments,
        why=tuple(skipped for one in ones for skipped in one.why),
    )


def whole(ones: Sequence[RecordSet], places: Sequence[Mapping[str, str]]) -> RecordSet:
    """The set of all shards; `places` says for each one what its shards' paths become."""
    shards, end = [], 0
    for one, new in zip(ones, places):
        for shard in one.shards:
            first = shard.first if one.part is not None else end
            shards.append(shard._replace(path=new[shard.path], first=first))
            end += shard.records
    return common(ones)._replace(shards=tuple(shards))


def _check_arguments(path: str, first: RecordSet, other_path: str, other: RecordSet) -> None:
    for name in sorted({*first.arguments, *other.arguments}):
        if first.part is None and name in OF_THE_LIST:
            continue
        here, there = (one.arguments.get(name) for one in (first, other))
        # A database by itself does not say how it was made.
        if here != there and first.arguments and other.arguments:
            what = "is of other pictures than" if name == "list" else f"has {name} {there}, not"
            more = path if name == "list" else f"{here} as {path}"
            raise CaffeMnistError(f"{what} {more}", where=other_path)


def _in_order(ones: Sequence[tuple[str, RecordSet]]) -> list[tuple[str, RecordSet]]:
    found: dict[int, tuple[str, RecordSet]] = {}
    total = 0
    for path, one in ones:
        assert one.part is not None, "only parts come here"
        number, of = one.part
        if total not in (0, of):
            raise CaffeMnistError(f"is one of {of} shards, {ones[0][0]} one of {total}", where=path)
        total = of
        if number in found:
            what = f"is shard {number} of {of}, as {found[number][0]} is"
            raise CaffeMnistError(what, where=path)
        found[number] = (path, one)
    missing = [str(number) for number in range(total) if number not in found]
    if missing:
        names = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
        what = f"shard {names} of {total} is missing"
        if len(missing) > 1:
            what = f"{len(missing)} of {total} shards are missing: {names}"
        raise CaffeMnistError(what, where=os.path.dirname(ones[0][0]) or ".")
    return [found[number] for number in range(total)]


def _difference(one: Sequence[str], other: Sequence[str]) -> str:
    if len(one) != len(other):
        return f"{len(other)} of them, not {len(one)}"
    number = next(k for k, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return f"{number} is {other[number]!r}, not {one[number]!r}"
