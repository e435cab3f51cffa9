"""The list of an ImageData layer: a line for each picture, its path, a space, and its label.

Beyond Caffe, which takes `a.jpg 1` with a blank behind it for a picture of label 0, blanks at the
end of a line mean nothing and a tab is a blank (BVLC/caffe #5187).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError

Entry = tuple[str, int]
PATH_AND_LABEL = re.compile(r"(.*[^ \t])[ \t]+([^ \t]+)")


def read_list(path: str) -> list[Entry]:
    """All entries; paths may hold spaces. Raises CaffeMnistError naming the line at fault."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    entries = []
    for number, line in enumerate(text.split("\n"), 1):
        match = PATH_AND_LABEL.fullmatch(line.rstrip(" \t\r"))
        if match is None or "\0" in line:
            if not line.strip():
                continue
            raise CaffeMnistError(
                f"{line!r} is not a path, a space and a label", where=f"{path}:{number}"
            )
        try:
            entries.append((match[1], whole_number(match[2])))
        except ValueError:
            raise CaffeMnistError(
                f"label {match[2]!r} is not a whole number", where=f"{path}:{number}"
            ) from None
    if not entries:
        raise CaffeMnistError("lists no pictures", where=path)
    return entries


def whole_number(word: str) -> int:
    """A number that fits into an int, as Caffe keeps it; raises ValueError for others."""
    number = int(word)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"{word} is too large")
    return number


def endless(entries: list[Entry], start: int, seed: int | None) -> Iterator[Entry]:
    """The entries over and over from number `start` on; with a seed, each time in a new order."""
    order = list(entries)
    random = None if seed is None else RandomNumbers(seed)
    while True:
        if random is not None:
            random.shuffle(order)
        yield from order[start:]
        start = max(start - len(entries), 0)
