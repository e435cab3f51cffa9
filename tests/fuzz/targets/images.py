"""What names pictures and their classes for `convert images`: lists, tables, texts beside them."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist import convert
from caffe_mnist.datasets.pictures.sources import find, find_list
from tests.fuzz.targets import command, each


def seeds() -> list[bytes]:
    """A list, tables, and what stands beside one picture."""
    return [
        b"a.ppm 3\nb/a.ppm 0\n",
        b"path,label\na.ppm,cat\nb/a.ppm,dog\n",
        b'image\tclass\n"a.ppm"\t1\n',
        "a.ppm 1\n".encode("utf-16"),
        b"cat",
        b"a.ppm, 0, cat",
    ]


def run(data: bytes) -> None:
    """As a list, as a table, as the text beside a picture, and as a picture among others."""
    picture = b"P6 3 3 255\n" + bytes(range(27))
    for folder in ("b", "pairs", "folders/cat", "folders/dog"):
        Path(folder).mkdir(parents=True)
    for path in ("a.ppm", "b/a.ppm", "pairs/a.ppm", "folders/cat/a.ppm"):
        Path(path).write_bytes(picture)
    for path in ("list.txt", "table.csv", "pairs/a.txt", "folders/dog/b.ppm", "folders/dog/c.jpg"):
        Path(path).write_bytes(data)
    each(
        lambda: find("list.txt"),
        lambda: find("list.txt", form="list", root="b"),
        lambda: find("table.csv", form="csv"),
        lambda: find("pairs", form="pairs"),
        lambda: find_list("list.txt", ""),
    )
    for source in ("list.txt", "table.csv", "pairs", "folders"):
        command(convert.main, "images", source, "out", "--dry-run")
