"""List files as `convert_imageset` takes them: on each line a picture's path and its label.

The label stands after the last blank, so that paths may hold blanks; also after a tab. Blanks
at a line's end, Windows' line ends and a missing last line end change nothing (in
`convert_imageset` they do). A line without anything on it keeps its number, as there.
"""

from __future__ import annotations

import re

from caffe_mnist.datasets.pictures.lines import Line, decode_lines, label_lines
from caffe_mnist.datasets.pictures.listing import Found, Skipped
from caffe_mnist.datasets.pictures.tree import is_picture

PATH_AND_LABEL = re.compile(r"(.*\S)[ \t]+(\S+)")


def read_list(content: bytes, where: str) -> Found:
    """The entries of a list file, in its order; the listing's root is still to be found.

    Lines without a label are left out with the reason. Raises CaffeMnistError for a list that
    names no picture.
    """
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
    return label_lines(lines, faults, where, "list")


def looks_like_list(lines: list[str]) -> bool:
    """Whether the first lines of a text are paths of pictures, each with a label."""
    matches = [PATH_AND_LABEL.fullmatch(line.rstrip()) for line in lines if line.strip()]
    fit = [match for match in matches if match and is_picture(match[1])]
    return 2 * len(fit) > len(matches)
