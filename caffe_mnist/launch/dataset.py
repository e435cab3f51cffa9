"""The job's data: copied from its store, converted where a database is missing."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.source import read_prototxt
from caffe_mnist.storage.copies import download_folder
from caffe_mnist.storage.snapshots import sha256

# Larger databases are named in run.json by their size only: hashing them would cost minutes.
LARGEST_HASHED = 4 * 2**30


def copy_dataset(url: str, folder: Path) -> None:
    """Copy everything below `url` into `folder`; raises StoreError if there is nothing."""
    here = os.path.realpath(folder)
    if "://" not in url and os.path.realpath(url) == here:
        return
    download_folder(url, folder, label="dataset", only=lambda name: not name.endswith("lock.mdb"))


def databases(nets: Sequence[Path]) -> list[Path]:
    """The databases and indexes that the (rewritten) nets' Data layers read, each once."""
    found = []
    for net in nets:
        for item in read_prototxt(net).paths():
            if item.field == "DataParameter.source" and Path(item.value) not in found:
                found.append(Path(item.value))
    return found


def make_missing(wanted: Sequence[Path], folder: Path) -> list[Path]:
    """Convert MNIST where its databases are wanted and not there; returns those made.

    Raises CaffeMnistError naming a database that is missing and cannot be made.
    """
    from caffe_mnist.datasets import mnist
    from caffe_mnist.datasets.progress import RecordProgress

    missing = [path for path in wanted if not path.exists()]
    if not missing:
        return []
    names = (mnist.TRAIN_DATABASE, mnist.TEST_DATABASE)
    for path in missing:
        if path.name not in names:
            raise CaffeMnistError(
                "there is no such database",
                where=path,
                hint="give the dataset by --data-url, or its folder by --data-local-path",
            )
    try:
        mnist.find(folder)
    except CaffeMnistError as error:
        text = f"there is no such database, nor MNIST to make it of: {error}"
        raise CaffeMnistError(text, where=missing[0]) from None
    with RecordProgress(sys.stderr) as progress:
        for out in dict.fromkeys(path.parent for path in missing):
            needed = [path for path in missing if path.parent == out]
            if not any((out / name).exists() for name in names):
                mnist.convert(folder, out, progress=progress)
                continue
            # The other one is there already and may be of the user's own making: it stays.
            with tempfile.TemporaryDirectory(prefix=".mnist.", dir=out) as aside:
                mnist.convert(folder, aside, progress=progress)
                for path in needed:
                    os.rename(os.path.join(aside, path.name), path)
    return missing


def fingerprints(wanted: Sequence[Path]) -> list[dict[str, Any]]:
    """Path, records, bytes and SHA-256 of each database, for `run.json`.

    Of a dataset with an index, the SHA-256 is that of the index, which holds the databases'.
    """
    from caffe_mnist.datasets.database import Database
    from caffe_mnist.datasets.index import index_at

    found: list[dict[str, Any]] = []
    for path in wanted:
        data, index = path / "data.mdb", index_at(path)
        if index is not None:
            found.append({"path": os.fspath(path), **_of_index(index)})
            continue
        if (path / "CURRENT").is_file() and not data.exists():  # a LevelDB: real Caffe reads it
            found.append({"path": os.fspath(path), "records": None, "bytes": None, "sha256": None})
            continue
        with Database(path) as database:
            records = len(database)
        size = data.stat().st_size
        digest = sha256(data) if size <= LARGEST_HASHED else None
        found.append({"path": os.fspath(path), "records": records, "bytes": size, "sha256": digest})
    return found


def _of_index(path: str) -> dict[str, Any]:
    from caffe_mnist.datasets.index import check_shard, read_index

    index = read_index(path)
    records = size = 0
    for one in index.sets.values():
        for shard in one.shards:
            check_shard(index, shard)
            size += os.path.getsize(os.path.join(index.place(shard), "data.mdb"))
        records += one.records
    return {"records": records, "bytes": size, "sha256": sha256(Path(path))}
