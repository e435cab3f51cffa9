"""IDX files that are right, and every way in which they are not."""

from __future__ import annotations

import gzip
import os
import struct
import threading
import tracemalloc
from pathlib import Path

import pytest

from caffe_mnist.datasets.idx import IdxFile
from caffe_mnist.errors import CaffeMnistError
from tests.datasets.idx_files import images, labels

ZIPPED = gzip.compress(images(50))


def read_all(path: Path) -> None:
    """Everything that is to be checked in a file of images."""
    with IdxFile(path, 3) as file:
        file.read(file.count)
        file.finish()


@pytest.mark.parametrize(
    "content",
    [
        images(7),
        gzip.compress(images(7)),
        gzip.compress(images(7)[:40]) + gzip.compress(images(7)[40:]),
    ],
    ids=["plain", "gzip", "two gzip members"],
)
def test_items_come_in_order(tmp_path: Path, content: bytes) -> None:
    """Header and items of a plain file, a compressed one and one compressed in parts."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with IdxFile(path, 3) as file:
        assert (file.count, file.shape, file.size) == (7, [3, 5], 15)
        assert file.read(2) + file.read(5) == images(7)[16:]
        file.finish()


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """What has no length, as `<(zcat ...)` in a shell, is checked while it is read."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(labels(300),))
    writer.start()
    with IdxFile(path, 1) as file:
        assert file.read(300) == labels(300)[8:]
        file.finish()
    writer.join()


BROKEN = {
    "an empty file": (b"", "0 bytes, and the header alone has 16"),
    "half a header": (images(50)[:9], "9 bytes, and the header alone"),
    "another format": (b"\x89PNG" + images(50), "begins with 89 50 4e 47"),
    "labels": (labels(50), "labels, not of images .*swapped"),
    "floats": (b"\0\0\x0d\x03" + images(50)[4:], "floats, not unsigned bytes"),
    "one byte less": (images(50)[:-1], "truncated: 765 bytes where 50 images need 766"),
    "one byte more": (images(50) + b"x", "more bytes than promised: 767"),
    "no images": (images(0), "no images"),
    "no rows": (struct.pack(">IIII", 0x803, 5, 0, 28), "no images"),
    "2**31 images": (struct.pack(">IIII", 0x803, 2**31, 28, 28) + bytes(99), "truncated"),
    "gzip cut": (ZIPPED[:-12], "gzip data ends in the middle"),
    "gzip checksum": (ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], "damaged gzip data"),
    "gzip and garbage": (ZIPPED + b"garbage", "something else follow"),
    "gzip of less": (gzip.compress(images(50)[:-3]), "truncated"),
    "gzip of more": (gzip.compress(images(50) + b"x"), "more bytes than the 50"),
    "gzip of 2**31 images": (
        gzip.compress(struct.pack(">IIII", 0x803, 2**31, 28, 28) + bytes(9999)),
        "truncated",
    ),
    "gzip of huge images": (
        gzip.compress(struct.pack(">IIII", 0x803, 2, 40000, 50000) + bytes(9999)),
        "truncated",
    ),
    "gzip of larger ones": (
        gzip.compress(struct.pack(">IIII", 0x803, 2, 2**32 - 1, 2**32 - 1)),
        "too large",
    ),
}


@pytest.mark.parametrize(("content", "what"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    """Every fault is one error with the file's name, and takes no memory before."""
    path = tmp_path / "file"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CaffeMnistError, match=what) as caught:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.where == str(path)


def test_gz_names_promise_gzip(tmp_path: Path) -> None:
    """A plain file called .gz is refused: somebody expects something else of it."""
    path = tmp_path / "images.gz"
    path.write_bytes(images(5))
    with pytest.raises(CaffeMnistError, match="not gzip"):
        IdxFile(path, 3)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder are errors with the system's reason."""
    for path, what in ((tmp_path, "directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(CaffeMnistError, match=what):
            IdxFile(path, 3)
