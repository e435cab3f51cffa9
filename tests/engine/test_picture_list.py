"""Lists of ImageData layers, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.engine.data.picture_list import read_list
from caffe_mnist.errors import CaffeMnistError


def test_tabs_line_ends_and_blanks(tmp_path: Path) -> None:
    """Tabs, Windows' line ends, blanks at the end and empty lines; paths keep their blanks."""
    path = tmp_path / "list.txt"
    path.write_bytes(b"a.jpg\t3\r\nmy b.jpg 4 \t\r\n\n \t\nc\td.jpg  -5\ne.jpg 6")
    assert read_list(str(path)) == [("a.jpg", 3), ("my b.jpg", 4), ("c\td.jpg", -5), ("e.jpg", 6)]


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg b.jpg", "\t7", "a\0.jpg 1"])
def test_lines_that_say_something_else(tmp_path: Path, line: str) -> None:
    """They are refused, with their number."""
    (tmp_path / "list.txt").write_text(f"a.jpg 0\n{line}\n")
    with pytest.raises(CaffeMnistError, match=r"list\.txt:2"):
        read_list(str(tmp_path / "list.txt"))
