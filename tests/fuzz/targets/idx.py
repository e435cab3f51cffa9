"""IDX files, as images and as labels, plain or compressed."""

from __future__ import annotations

import gzip
from pathlib import Path

from caffe_mnist.convert import main
from caffe_mnist.datasets.idx import IdxFile
from tests.datasets.idx_files import images, labels
from tests.fuzz.targets import command, each


def seeds() -> list[bytes]:
    """Seven images and labels of 3 x 5."""
    return [
        images(7),
        labels(7),
        gzip.compress(images(7), mtime=0),
        gzip.compress(labels(7), mtime=0),
    ]


def run(data: bytes) -> None:
    """Every reader, then `convert idx` with the file in either place."""
    for name, content in (("file", data), ("images", images(7)), ("labels", labels(7))):
        Path(name).write_bytes(content)
    each(lambda: _read(3), lambda: _read(1), _convert)


def _read(dimensions: int) -> None:
    with IdxFile("file", dimensions) as file:
        file.read(file.count)
        file.finish()


def _convert() -> None:
    for shuffle in ([], ["--shuffle", "1"]):
        command(main, "idx", "file", "labels", "out", "--overwrite", *shuffle)
    command(main, "idx", "images", "file", "out", "--overwrite")
