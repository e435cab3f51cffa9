"""Pictures that became no record, as a table (`skipped.csv`) and as lines to read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

from caffe_mnist.datasets.pictures.listing import Skipped
from caffe_mnist.files import replacing

# A person reads no more; the table has them all.
MOST_LINES = 20


def write_skipped(path: str | os.PathLike[str], skipped: Sequence[Skipped]) -> None:
    """A table of the columns name and reason, in the order of the pictures."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(Skipped._fields)
    rows.writerows(skipped)
    with replacing(path) as aside:
        aside.write_bytes(text.getvalue().encode("utf-8", "surrogateescape"))


def read_skipped(path: str | os.PathLike[str]) -> list[Skipped] | None:
    """What `write_skipped` wrote; None where there is no such table."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, csv.Error):
        return None
    if not rows or tuple(rows[0]) != Skipped._fields:
        return None
    return [Skipped(*row) for row in rows[1:] if len(row) == len(Skipped._fields)]


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """A line each, for the first of them."""
    lines = [f"skipped: {printable(one.name)}: {one.reason}" for one in skipped[:MOST_LINES]]
    if len(skipped) > MOST_LINES:
        lines.append(f"skipped: … and {len(skipped) - MOST_LINES} more")
    return lines


def printable(name: str) -> str:
    """A file's name for a terminal: bytes that are no text, and line ends, are written out."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
