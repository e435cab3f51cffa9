"""List files as `convert_imageset` takes them: on each line a picture's path and its label.

The label stands after the last blank, so that paths may hold blanks; also after a tab. Blanks
at a line's end, Windows' line ends and a missing last line end change nothing (in
`convert_imageset` they do). A line without anything on it keeps its number, as there.
"""

from __future__ import annotations

import re
from dataclasses import replace

from caffe_mnist.datasets.pictures.lines import Line, decode_lines, label_lines
from caffe_mnist.datasets.pictures.listing import CLASS, Found, Labels, Skipped
from caffe_mnist.datasets.pictures.tree import is_picture
from caffe_mnist.datasets.pictures.vectors import Line as VectorLine
from caffe_mnist.datasets.pictures.vectors import split_line, vector_lines
from caffe_mnist.errors import CaffeMnistError

PLAIN = Labels()
PATH_AND_LABEL = re.compile(r"(.*\S)[ \t]+(\S+)")


def read_list(content: bytes, where: str, labels: Labels = PLAIN) -> Found:
    """The entries of a list file, in its order; the listing's root is still to be found.

    Lines without a label are left out with the reason. Raises CaffeMnistError for a list that
    names no picture.
    """
    if labels.columns:
        raise CaffeMnistError("--label-columns is for tables, and this is a list", where=where)
    if labels.kind != CLASS:
        split = enumerate(map(split_line, map(str.rstrip, decode_lines(content))), 1)
        several = [VectorLine(number, name, words) for number, (name, words) in split]
        return vector_lines(several, (), where, "list", labels.kind)
    lines, faults = [], []
    for number, text in enumerate(decode_lines(content), 1):
        text = text.rstrip()
        match = PATH_AND_LABEL.fullmatch(text)
        if match and not is_picture(match[2]):
            lines.append(Line(number, match[1], match[2]))
            continue
        lines.append(Line(number, "", ""))
        if text:
            faults.append(Skipped(text, f"line {number}: no label after the path"))
    found = label_lines(lines, faults, where, "list")
    longer = [name for name in (line.name for line in lines) if _has_more(name)]
    if not longer:
        return found
    what = f"{len(longer)} paths have words behind a picture's name, the first is {longer[0]!r}"
    return replace(found, remarks=(*found.remarks, f"{what}: --labels float|multi takes several"))


def _has_more(name: str) -> bool:
    """Whether what stands before the label is a picture's name, and then something else."""
    path, words = split_line(name)
    return bool(words) and is_picture(path) and not is_picture(name)


def looks_like_list(lines: list[str], vectors: bool = False) -> bool:
    """Whether the first lines of a text are paths of pictures, each with a label.

    With `vectors`, several of them may follow a path.
    """
    some = [line.rstrip() for line in lines if line.strip()]
    if vectors:
        fit = sum(bool(words) and is_picture(name) for name, words in map(split_line, some))
    else:
        matches = map(PATH_AND_LABEL.fullmatch, some)
        fit = sum(match is not None and is_picture(match[1]) for match in matches)
    return 2 * fit > len(some)
