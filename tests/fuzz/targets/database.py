"""LMDB databases: the bytes of `data.mdb`."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from itertools import islice
from pathlib import Path

import lmdb

from caffe_mnist import compute_image_mean, convert
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import decode
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.fuzz.targets import command, each

NET = """
layer { name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "db" backend: LMDB batch_size: 3 } }
"""


@functools.cache
def seeds() -> list[bytes]:
    """One page of records, many pages of records, and records larger than a page."""
    return [_database(count, side) for count, side in ((3, 2), (400, 8), (5, 80))]


def run(data: bytes) -> None:
    """Reading from the start and from the middle, and every command that takes a database."""
    Path("db").mkdir()
    Path("db/data.mdb").write_bytes(data)
    each(_read, _read_on, _train)
    for words in (["info", "db"], ["check", "db"], ["export", "db", "out.npz", "--overwrite"]):
        command(convert.main, *words)
    command(compute_image_mean.main, "db")


def _read() -> None:
    with Database("db") as database:
        for key, value in database.records():
            with contextlib.suppress(CaffeMnistError):
                decode(bytes(value), key)


def _read_on() -> None:
    with Database("db") as database:
        for start in (0, 1, len(database) // 2, len(database) - 1):
            for _, value in islice(database.records(start), 5):
                bytes(value)


def _train() -> None:
    net = Net(parse_text(NET, caffe_pb2.NetParameter, "net"))
    try:
        for _ in range(3):
            net.forward()
    finally:
        net.close()


def _database(count: int, side: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        environment = lmdb.open(folder, map_size=1 << 22)
        with environment, environment.begin(write=True) as transaction:
            for number in range(count):
                value = head(1, side, side) + bytes(side * side) + tail(number % 10)
                transaction.put(b"%08d" % number, value, append=True)
        return Path(folder, "data.mdb").read_bytes()
