"""LevelDB databases: the first byte says which file, the others are its bytes."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from pathlib import Path

from caffe_mnist.datasets.datum import decode
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.errors import CaffeMnistError

KINDS = ("CURRENT", "MANIFEST", ".ldb", ".log")


@functools.cache
def folder() -> dict[str, bytes]:
    """The files of a database with a table and a log."""
    import plyvel

    with tempfile.TemporaryDirectory() as place:
        for part in range(2):  # what the first opening wrote becomes a table
            with plyvel.DB(place, create_if_missing=True) as database:
                for number in range(50 * part, 50 * part + 50):
                    value = head(1, 8, 8) + bytes(range(64)) + tail(number % 10)
                    database.put(b"%08d" % number, value)
        return {
            path.name: path.read_bytes()
            for path in sorted(Path(place).iterdir())
            if path.name not in ("LOCK", "LOG", "LOG.old")
        }


def seeds() -> list[bytes]:
    """Each file of a valid database."""
    return [bytes([KINDS.index(_kind(name))]) + content for name, content in folder().items()]


def run(data: bytes) -> None:
    """All records of a database with one of its files replaced."""
    wanted, content = KINDS[data[0] % len(KINDS)] if data else KINDS[0], data[1:]
    Path("db").mkdir()
    for name, valid in folder().items():
        Path("db", name).write_bytes(content if _kind(name) == wanted else valid)
    database = LevelDatabase("db")
    try:
        for start in (0, 70):
            for key, value in database.records(start):
                _decode(key, value)
    finally:
        database.close()


def _decode(key: bytes, value: bytes) -> None:
    with contextlib.suppress(CaffeMnistError):
        decode(value, key, "db")


def _kind(name: str) -> str:
    return next(kind for kind in KINDS if kind in name)
