"""`dataset.json`, the index of a set of databases."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import (
    RecordSet,
    check_shard,
    digest,
    make_shard,
    read_index,
    write_index,
)
from caffe_mnist.datasets.sources import open_finite
from tests.fuzz.targets import database, each


@functools.cache
def seeds() -> list[bytes]:
    """One set, and two."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "a_lmdb")
        place.mkdir()
        (place / "data.mdb").write_bytes(database.seeds()[0])
        with Database(place) as records:
            sum = digest(records.records())
        shard = make_shard("a_lmdb", 3, 0, sum, {0: 1, 1: 1, 2: 1})
        one = RecordSet((shard,), ("zero", "one", "two"), (1, 2, 2), part=(0, 2))
        found = []
        for sets in ({"train": one}, {"train": one, "val": one}):
            write_index(place.parent / "dataset.json", sets)
            found.append((place.parent / "dataset.json").read_bytes())
        return found


def run(data: bytes) -> None:
    """Read it, and the databases that it names."""
    Path("a_lmdb").mkdir(exist_ok=True)
    Path("a_lmdb/data.mdb").write_bytes(database.seeds()[0])
    Path("dataset.json").write_bytes(data)
    each(_shards, _records)


def _shards() -> None:
    index = read_index("dataset.json")
    for one in index.sets.values():
        for shard in one.shards:
            check_shard(index, shard, whole=True)


def _records() -> None:
    source = open_finite("dataset.json?first=0.5")
    try:
        list(source.records())
    finally:
        source.close()
