"""Tables (CSV) of pictures with several numbers, or several classes, each.

Numbers stand in columns of their own. Classes stand in one column, with blanks, commas,
semicolons or bars between them, or have a column each of zeros and ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from caffe_mnist.datasets.pictures.listing import FLOAT, Found, Labels, Skipped
from caffe_mnist.datasets.pictures.tables import (
    names_of,
    one_line,
    place_of,
    place_of_paths,
    read_rows,
)
from caffe_mnist.datasets.pictures.tree import is_picture
from caffe_mnist.datasets.pictures.vectors import NUMBER, Line, split_names, vector_lines
from caffe_mnist.errors import CaffeMnistError

# Columns of numbers that count the rows.
COUNTERS = {"", "id", "index", "unnamed:_0", "image_id"}
SEVERAL = ("labels", "tags", "classes", "label", "class", "attributes", "categories", "category",
           "class_name", "target")  # fmt: skip


def read_vectors(content: bytes, where: str, labels: Labels) -> Found:
    """The entries of a table, in its order; the listing's root is still to be found.

    Raises CaffeMnistError for a table whose columns cannot be told or that names no picture.
    """
    rows = read_rows(content, where)
    cells = [[cell.strip() for cell in row] for _, row in rows]
    path = place_of_paths(cells, where)
    head = not is_picture(cells[0][path]) and len(rows) > 1
    columns = _columns(cells, path, head, where, labels)
    lines, faults = [], []
    for (number, _), row in zip(rows[head:], cells[head:]):
        row += [""] * (max(path, *columns) + 1 - len(row))
        for column in (path, *columns):
            one_line(number, row[column], where)
        if row[path]:
            lines.append(Line(number, row[path], tuple(row[column] for column in columns)))
        else:
            faults.append(Skipped(f"line {number}", f"line {number}: no path"))
    names = tuple(cells[0][column] for column in columns) if head else ()
    if labels.kind == FLOAT:
        lines = [line._replace(words=_filled(line.words)) for line in lines]
        return vector_lines(lines, faults, where, "csv", FLOAT, names)
    if len(columns) > 1:
        return _ticked(lines, faults, where, names)
    split = split_names([line.words[0] for line in lines])
    named = [line._replace(words=words) for line, words in zip(lines, split)]
    return vector_lines(named, faults, where, "csv", labels.kind)


def _filled(words: Sequence[str]) -> tuple[str, ...]:
    """The cells as they are shown where they are no numbers."""
    return tuple(word or "(an empty cell)" for word in words)


def _columns(
    cells: Sequence[Sequence[str]], path: int, head: bool, where: str, labels: Labels
) -> list[int]:
    """The columns of the labels: those asked for, else those that hold what labels are."""
    if labels.columns:
        return [place_of(column, cells[0], where) for column in labels.columns]
    names, first = names_of(cells[0]), cells[1 if head else 0]
    if labels.kind != FLOAT:
        named = [names.index(name) for name in SEVERAL if head and name in names]
        others = [column for column in range(len(names)) if column != path]
        if named or len(others) == 1:
            return (named or others)[:1]
    found = [
        column
        for column, cell in enumerate(first)
        if column != path
        and NUMBER.fullmatch(cell)
        and not (head and column < len(names) and names[column] in COUNTERS)
    ]
    if not found:
        raise CaffeMnistError(
            f"cannot tell the columns of labels: {', '.join(cells[0])[:200]}",
            where=where,
            hint="--label-columns names them: --label-columns x,y",
        )
    return found


def _ticked(
    lines: Sequence[Line], faults: list[Skipped], where: str, names: Sequence[str]
) -> Found:
    """Classes with a column each: a number above 0 says that a picture is of the class."""
    ticked = []
    for line in lines:
        wrong = [word for word in line.words if not NUMBER.fullmatch(word or "0")]
        if wrong:
            reason = f"line {line.number}: {wrong[0]!r} is neither 0 nor 1"
            faults.append(Skipped(line.name, reason))
            ticked.append(Line(line.number, "", ()))
            continue
        places = (str(n) for n, word in enumerate(line.words) if float(word or "0") > 0)
        ticked.append(line._replace(words=tuple(places)))
    found = vector_lines(ticked, faults, where, "csv", "multi")
    width = len(lines[0].words) if lines else 0
    listing = replace(found.listing, classes=tuple(names), width=width)
    return replace(found, listing=listing)
