"""Labels that are more than one class: numbers as they are, or any number of classes a picture.

`float`: every line holds the same count of numbers, kept in single precision. `multi`: every
line names any number of classes (none, too); the label is a column of zeros and ones.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from caffe_mnist.datasets.pictures.class_names import class_name, decode_text, ordered
from caffe_mnist.datasets.pictures.listing import FLOAT, MULTI, Entry, Found, Listing, Skipped
from caffe_mnist.datasets.pictures.tree import is_picture
from caffe_mnist.errors import CaffeMnistError

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# A column of zeros and ones has a place for each class up to the highest number.
MOST_CLASSES = 1 << 16
SEPARATORS = re.compile(r"[,;|]")


class Line(NamedTuple):
    """A picture's name and the words of its label; without a name it keeps its place, no more."""

    number: int
    name: str
    words: tuple[str, ...]


def split_line(text: str) -> tuple[str, tuple[str, ...]]:
    """The path and the words of the label on one line of a list.

    After a tab, the label begins; without one, after the last word that ends as a picture's name
    does; else after the first word. Its words have blanks, tabs or commas between them.
    """
    if "\t" in text:
        path, _, rest = text.partition("\t")
    else:
        ends = [match for match in re.finditer(r"\S+", text) if is_picture(match[0])]
        end = ends[-1].end() if ends else len(text.split(" ", 1)[0])
        path, rest = text[:end], text[end:]
    return path.strip(), tuple(word for word in re.split(r"[\s,]+", rest) if word)


def split_names(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of several texts: between commas, semicolons or bars if one has such, else
    between blanks."""
    split = SEPARATORS if any(map(SEPARATORS.search, texts)) else re.compile(r"\s+")
    return [tuple(word.strip() for word in split.split(text) if word.strip()) for text in texts]


def vector_lines(
    lines: Sequence[Line],
    faults: Iterable[Skipped],
    where: str,
    form: str,
    kind: str,
    names: Sequence[str] = (),
) -> Found:
    """The entries of lines in their order, with labels of `kind`; `names` are of the numbers.

    Lines with a fault of their own are among `faults` already and have no name in `lines`. Raises
    CaffeMnistError when nothing is left.
    """
    wrong = list(faults)
    if kind == FLOAT:
        entries, width = _numbers(lines, wrong)
        listing = Listing("", entries, (), form, kind=FLOAT, width=width, value_names=tuple(names))
    else:
        entries, classes, width = _classes(lines, wrong)
        listing = Listing("", entries, classes, form, kind=MULTI, width=width)
    if not any(entry.name for entry in entries):
        first = f": {wrong[0].name}: {wrong[0].reason}" if wrong else ""
        hint = "each line is: PATH NUMBER…" if kind == FLOAT else "each line is: PATH CLASS…"
        raise CaffeMnistError(f"names no picture{first}", where=where, hint=hint)
    return Found(listing, tuple(wrong))


def as_float(word: str) -> float:
    """A number as single precision keeps it; raises ValueError, saying why, for what is none."""
    if not NUMBER.fullmatch(word):
        raise ValueError(f"label {word!r} is no number")
    try:
        value = float(struct.unpack("<f", struct.pack("<f", float(word)))[0])
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise ValueError(f"label {word} is too large for single precision")
    return value


def _numbers(lines: Sequence[Line], faults: list[Skipped]) -> tuple[tuple[Entry, ...], int]:
    entries, width = [], 0
    for line in lines:
        entry = Entry("", 0)
        if line.name:
            try:
                values = tuple(map(as_float, line.words))
                if not values:
                    raise ValueError("no label after the path")
                width = width or len(values)
                if len(values) != width:
                    raise ValueError(f"{len(values)} numbers, unlike {width} of those before it")
                entry = Entry(line.name, 0, values)
            except ValueError as error:
                faults.append(Skipped(line.name, f"line {line.number}: {error}"))
        entries.append(entry)
    return tuple(entries), width


def _classes(
    lines: Sequence[Line], faults: list[Skipped]
) -> tuple[tuple[Entry, ...], tuple[str, ...], int]:
    """Numbers where all words are, else names, which are numbered in their order."""
    words = {word for line in lines if line.name for word in line.words}
    numbers, classes = _numbered(words) or _named(words)
    entries = []
    for line in lines:
        entry = Entry("", 0)
        unknown = [word for word in line.words if word not in numbers]
        if line.name and unknown:
            reason = f"line {line.number}: label {unknown[0]!r} is no class"
            faults.append(Skipped(line.name, reason))
        elif line.name:
            some = tuple(sorted({numbers[word] for word in line.words}))
            entry = Entry(line.name, some[0] if some else 0, some)
        entries.append(entry)
    return tuple(entries), classes, 1 + max(numbers.values(), default=0)


def _numbered(words: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]] | None:
    found = {}
    for word in words:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", word):
            return None
        if 0 <= int(word) < MOST_CLASSES:
            found[word] = int(word)
    return found, ()


def _named(words: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    names = {}
    for word in words:
        try:
            names[word] = class_name(decode_text(word.encode("utf-8", "surrogateescape")))
        except ValueError:
            continue
    known = ordered(names.values())
    places = {name: place for place, name in enumerate(known)}
    return {word: places[name] for word, name in names.items()}, known
