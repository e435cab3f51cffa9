"""Lines of a list or a table: names of pictures, each with a number or the name of its class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from caffe_mnist.datasets.pictures.class_names import class_name, decode_text, ordered
from caffe_mnist.datasets.pictures.listing import Entry, Found, Listing, Skipped
from caffe_mnist.errors import CaffeMnistError

# A Datum's label is an int32.
LOWEST, HIGHEST = -(2**31), 2**31 - 1
# So many of a list's labels must be numbers for the others to be mistakes.
MOSTLY = 0.9


class Line(NamedTuple):
    """A picture's name and its label as written; without a name it keeps its place, no more."""

    number: int
    name: str
    label: str


def decode_lines(content: bytes) -> list[str]:
    """The lines of a list; names that are no UTF-8 keep their bytes, as `os.fsdecode` does."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError:
            text = content.decode("utf-8", "surrogateescape")
    else:
        text = content.decode("utf-8", "surrogateescape")
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def label_lines(lines: Sequence[Line], faults: Iterable[Skipped], where: str, form: str) -> Found:
    """The entries of lines in their order, with labels as numbers.

    Where the labels are numbers they stay what they are, otherwise they are names of classes.
    Lines with a fault of their own are among `faults` already and have no name in `lines`. Raises
    CaffeMnistError when nothing is left, and for labels that are fractions.
    """
    written = [line.label for line in lines if line.name]
    if not written:
        first = next(iter(faults), None)
        what = f"names no picture: {first.name}: {first.reason}" if first else "names no picture"
        raise CaffeMnistError(what, where=where, hint="each line is: PATH LABEL")
    whole = sum(_is_whole(label) for label in written)
    if whole < len(written) and all(_is_fraction(label) for label in written):
        sample = next(label for label in written if not _is_whole(label))
        raise CaffeMnistError(
            f"label {sample} is no whole number, and records hold no other",
            where=where,
            hint="--labels float keeps it, in a second database",
        )
    make = _numbered if whole >= MOSTLY * len(written) else _named
    entries, classes, more = make(lines, where)
    listing = Listing("", entries, classes, form)
    remarks = _remarks(entries, classes)
    if classes and whole:
        odd = next(label for label in written if not _is_whole(label))
        what = f"{whole} of {len(written)} labels are whole numbers, and {odd!r} is none"
        remarks.append(f"{what}: all are taken for names of classes")
    return Found(listing, (*faults, *more), tuple(remarks))


def _numbered(
    lines: Sequence[Line], where: str
) -> tuple[tuple[Entry, ...], tuple[str, ...], list[Skipped]]:
    entries, faults = [], []
    for line in lines:
        if not line.name:
            entries.append(Entry("", 0))
        elif _is_whole(line.label) and LOWEST <= int(line.label) <= HIGHEST:
            entries.append(Entry(line.name, int(line.label)))
        else:
            entries.append(Entry("", 0))
            reason = f"label {line.label!r} is no number that a record holds"
            faults.append(Skipped(line.name, f"line {line.number}: {reason}"))
    return tuple(entries), (), faults


def _named(
    lines: Sequence[Line], where: str
) -> tuple[tuple[Entry, ...], tuple[str, ...], list[Skipped]]:
    names: dict[str, str] = {}
    faults = []
    for line in lines:
        if line.name and line.label not in names:
            try:
                label = line.label.encode("utf-8", "surrogateescape")
                names[line.label] = class_name(decode_text(label))
            except ValueError as error:
                faults.append(Skipped(line.name, f"line {line.number}: label {error}"))
    known = ordered(names.values())
    numbers = {name: number for number, name in enumerate(known)}
    entries = tuple(
        Entry(line.name, numbers[names[line.label]])
        if line.name and line.label in names
        else Entry("", 0)
        for line in lines
    )
    return entries, known, faults


def _remarks(entries: Sequence[Entry], classes: Sequence[str]) -> list[str]:
    remarks = []
    labels: dict[str, set[int]] = {}
    for entry in entries:
        if entry.name:
            labels.setdefault(entry.name, set()).add(entry.label)
    counts = Counter(entry.name for entry in entries if entry.name)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        remarks.append(
            f"named more than once: {len(twice)} of the pictures, the first is {twice[0]}"
        )
    torn = [name for name, found in labels.items() if len(found) > 1]
    if torn:
        remarks.append(
            f"{len(torn)} pictures are named with different labels, the first is {torn[0]}"
        )
    numbers = {label for found in labels.values() for label in found}
    if not classes and 0 not in numbers and min(numbers, default=0) > 0:
        remarks.append(f"labels begin at {min(numbers)}: Caffe's losses count them from 0")
    return remarks


def _is_whole(label: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,18}", label) is not None


def _is_fraction(label: str) -> bool:
    return re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", label) is not None
