"""Tables (CSV) of pictures: a column of paths and one of labels or class names.

Columns are told by a first line with names, else by the paths in them. Separated by commas,
semicolons or tabs; quoted as spreadsheets do.
"""

from __future__ import annotations

import csv
import io
import os
import re

from caffe_mnist.datasets.pictures.class_names import decode_text
from caffe_mnist.datasets.pictures.lines import Line, label_lines
from caffe_mnist.datasets.pictures.listing import Found, Skipped
from caffe_mnist.datasets.pictures.tree import is_picture
from caffe_mnist.errors import CaffeMnistError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path",
         "img", "img_path", "picture", "name", "image_name", "image_id", "id")  # fmt: skip
LABELS = ("label", "class", "class_name", "classname", "category", "target", "species", "y",
          "label_name", "class_id", "label_id")  # fmt: skip
SEPARATORS = ",;\t|"
ROW = re.compile(r"\s*\"?[^,;\t|\"]+\.\w{2,5}\"?\s*[,;\t|]")


def read_table(content: bytes, where: str) -> Found:
    """The entries of a table, in its order; the listing's root is still to be found.

    Raises CaffeMnistError for a table whose columns cannot be told or that names no picture.
    """
    try:
        text = decode_text(content)
    except ValueError:
        text = content.decode("utf-8", "surrogateescape")
    rows = _rows(text, where)
    if not rows:
        raise CaffeMnistError("is an empty table", where=where)
    path, label, head = _columns([row for _, row in rows], where)
    lines, faults = [], []
    for number, row in rows[1:] if head else rows:
        cells = [cell.strip() for cell in row] + [""] * (max(path, label) + 1 - len(row))
        if cells[path] and cells[label]:
            lines.append(Line(number, cells[path], cells[label]))
        else:
            missing = "label" if cells[path] else "path"
            name = cells[path] or f"line {number}"
            faults.append(Skipped(name, f"line {number}: no {missing}"))
    return label_lines(lines, faults, where, "csv")


def looks_like_table(lines: list[str]) -> bool:
    """Whether the first lines of a text name such columns, or begin with a picture's path."""
    rows = [line for line in lines if line.strip()]
    if rows and set(PATHS) & set(names := _names(re.split(r"[,;\t|]", rows[0]))):
        return len(names) > 1 and bool(set(LABELS) & set(names))
    return 2 * sum(ROW.match(line) is not None for line in rows) > len(rows)


def _rows(text: str, where: str) -> list[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    if not first.count(separator):
        raise CaffeMnistError(
            "has one column only, no label",
            where=where,
            hint="columns are separated by commas, semicolons or tabs",
        )
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise CaffeMnistError(f"line {reader.line_num}: {error}", where=where) from None


def _columns(rows: list[list[str]], where: str) -> tuple[int, int, bool]:
    """Which columns hold paths and labels, and whether the first row names them."""
    names = _names(rows[0])
    path = next((names.index(name) for name in PATHS if name in names), None)
    label = next((names.index(name) for name in LABELS if name in names), None)
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


def _names(cells: list[str]) -> list[str]:
    found = (cell.strip().strip('"').strip().lower() for cell in cells)
    return [name.replace(" ", "_").replace("-", "_") for name in found]
