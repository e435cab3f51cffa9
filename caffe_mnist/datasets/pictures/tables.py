"""Tables (CSV) of pictures: a column of paths and one of labels or class names.

Columns are told by a first line with names, else by the paths in them. Separated by commas,
semicolons or tabs; quoted as spreadsheets do.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence

from caffe_mnist.datasets.pictures.class_names import decode_text
from caffe_mnist.datasets.pictures.lines import Line, label_lines
from caffe_mnist.datasets.pictures.listing import Found, Labels, Skipped
from caffe_mnist.datasets.pictures.tree import is_picture
from caffe_mnist.errors import CaffeMnistError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path",
         "img", "img_path", "picture", "name", "image_name", "image_id", "id")  # fmt: skip
LABELS = ("label", "class", "class_name", "classname", "category", "target", "species", "y",
          "label_name", "class_id", "label_id")  # fmt: skip
PLAIN = Labels()
# The number of a line, and its cells.
Row = tuple[int, "list[str]"]
SEPARATORS = ",;\t|"
ROW = re.compile(r"\s*\"?[^,;\t|\"]+\.\w{2,5}\"?\s*[,;\t|]")


def read_table(content: bytes, where: str, labels: Labels = PLAIN) -> Found:
    """The entries of a table, in its order; the listing's root is still to be found.

    Raises CaffeMnistError for a table whose columns cannot be told or that names no picture.
    """
    rows = read_rows(content, where)
    path, label, head = _columns([row for _, row in rows], where, labels.columns)
    lines, faults = [], []
    for number, row in rows[1:] if head else rows:
        cells = [cell.strip() for cell in row] + [""] * (max(path, label) + 1 - len(row))
        one_line(number, cells[path], where)
        one_line(number, cells[label], where)
        if cells[path] and cells[label]:
            lines.append(Line(number, cells[path], cells[label]))
        else:
            missing = "label" if cells[path] else "path"
            name = cells[path] or f"line {number}"
            faults.append(Skipped(name, f"line {number}: no {missing}"))
    return label_lines(lines, faults, where, "csv")


def read_rows(content: bytes, where: str) -> list[Row]:
    """The rows that hold anything; raises CaffeMnistError for what is no table."""
    try:
        text = decode_text(content)
    except ValueError:
        text = content.decode("utf-8", "surrogateescape")
    rows = _rows(text, where)
    if not rows:
        raise CaffeMnistError("is an empty table", where=where)
    return rows


def looks_like_table(lines: list[str], vectors: bool = False) -> bool:
    """Whether the first lines of a text name such columns, or begin with a picture's path.

    With `vectors`, the columns of labels may have any names.
    """
    rows = [line for line in lines if line.strip()]
    if rows and set(PATHS) & set(names := names_of(re.split(r"[,;\t|]", rows[0]))):
        return len(names) > 1 and (vectors or bool(set(LABELS) & set(names)))
    return 2 * sum(ROW.match(line) is not None for line in rows) > len(rows)


def _rows(text: str, where: str) -> list[Row]:
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    if not first.count(separator):
        raise CaffeMnistError(
            "has one column only, no label",
            where=where,
            hint="columns are separated by commas, semicolons or tabs",
        )
    lines = io.StringIO(text).readlines()
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows, begin = [], 1
    try:
        for row in reader:
            read = lines[begin - 1 : reader.line_num]
            if len(read) > 1 and not _is_closed(read, separator):
                raise _open_quote(begin, where)
            if any(cell.strip() for cell in row):
                rows.append((begin, row))
            begin = reader.line_num + 1
    except csv.Error as error:
        if reader.line_num > begin:
            raise _open_quote(begin, where) from None
        raise CaffeMnistError(f"line {begin}: {error}", where=where) from None
    return rows


def one_line(number: int, cell: str, where: str) -> str:
    """A cell that is a path or a label, and so has one line; raises CaffeMnistError if not.

    A quote that is not closed takes the lines behind it for a part of its cell.
    """
    if "\n" in cell and any(separator in cell.partition("\n")[2] for separator in SEPARATORS):
        raise _open_quote(number, where)
    return cell


def _is_closed(lines: list[str], separator: str) -> bool:
    """Whether one row of several lines is one: quotes end as they should, no line has a path."""
    if any(
        is_picture(cell.strip(' "\r\n')) for line in lines[1:] for cell in line.split(separator)
    ):
        return False
    try:
        list(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return False
    return True


def _open_quote(number: int, where: str) -> CaffeMnistError:
    return CaffeMnistError(
        f"line {number}: a quote is opened here and not closed on this line",
        where=where,
        hint='close it, or double it ("") where it belongs to a name',
    )


def _columns(
    rows: list[list[str]], where: str, wanted: Sequence[str] = ()
) -> tuple[int, int, bool]:
    """Which columns hold paths and labels, and whether the first row names them."""
    names = names_of(rows[0])
    if len(wanted) > 1:
        raise CaffeMnistError(
            f"{len(wanted)} columns of labels", where=where, hint="--labels float takes several"
        )
    path = next((names.index(name) for name in PATHS if name in names), None)
    label = next((names.index(name) for name in LABELS if name in names), None)
    if wanted:
        path, label = place_of_paths(rows, where), place_of(wanted[0], rows[0], where)
    if path is not None and label is not None:
        return path, label, True
    body = rows[1:] or rows
    found = [index for index, cell in enumerate(body[0]) if is_picture(cell.strip())]
    path = found[0] if path is None and found else path
    head = not any(is_picture(cell.strip()) for cell in rows[0])
    width = len(body[0])
    if path is None and width == 2 and not head:
        path = 0
    if label is None and path is not None and width == 2 and path < 2:
        label = 1 - path
    if path is None or label is None:
        shown = ", ".join(os.path.basename(cell.strip()) for cell in rows[0][:6])
        raise CaffeMnistError(
            f"cannot tell the columns of paths and labels: {shown}",
            where=where,
            hint="name them path and label in a first line",
        )
    return path, label, head and len(rows) > 1


def place_of_paths(rows: Sequence[Sequence[str]], where: str) -> int:
    """The column of paths; raises CaffeMnistError where it cannot be told."""
    names = names_of(rows[0])
    path = next((names.index(name) for name in PATHS if name in names), None)
    if path is None:
        path = next((n for n, cell in enumerate(rows[-1]) if is_picture(cell.strip())), None)
    if path is None:
        hint = "name it path in a first line"
        raise CaffeMnistError("cannot tell the column of paths", where=where, hint=hint)
    return path


def place_of(column: str, head: Sequence[str], where: str) -> int:
    """The column of a name, or of a number from 1; raises CaffeMnistError if there is none."""
    names, wanted = names_of(head), names_of([column])[0]
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(head):
        return int(wanted) - 1
    raise CaffeMnistError(
        f"has no column {column!r}", where=where, hint=f"known: {', '.join(head)[:200]}"
    )


def names_of(cells: Sequence[str]) -> list[str]:
    """A first row's names as they are compared: small, without blanks."""
    found = (cell.strip().strip('"').strip().lower() for cell in cells)
    return [name.replace(" ", "_").replace("-", "_") for name in found]
