"""The job's data: copied, converted where a database is missing, named in the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.shards import Share
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.dataset import (
    copy_dataset,
    databases,
    fingerprints,
    make_missing,
)
from caffe_mnist.launch.pictures import record_shapes
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.storage.snapshots import sha256
from tests.datasets.test_shards import make

NAMES = (mnist.TRAIN_DATABASE, mnist.TEST_DATABASE)


def test_what_is_missing_is_made(small_mnist: Path, tmp_path: Path) -> None:
    """Both, and a second time none."""
    wanted = [tmp_path / "db" / name for name in NAMES]
    assert make_missing(wanted, small_mnist) == wanted
    assert make_missing(wanted, small_mnist) == []
    train, test = fingerprints(wanted)
    assert (train["records"], test["records"]) == (1200, 300)
    assert train["bytes"] == (wanted[0] / "data.mdb").stat().st_size
    assert record_shapes(str(wanted[0]))[0] == (1, 28, 28)


def test_a_database_that_is_there_stays(small_mnist: Path, tmp_path: Path) -> None:
    """The user's own training set is not replaced because the test set is missing."""
    mnist.convert(small_mnist, tmp_path, limit=5)
    (tmp_path / NAMES[1] / "data.mdb").unlink()
    (tmp_path / NAMES[1] / "lock.mdb").unlink(missing_ok=True)
    (tmp_path / NAMES[1]).rmdir()
    wanted = [tmp_path / name for name in NAMES]
    assert make_missing(wanted, small_mnist) == wanted[1:]
    with Database(wanted[0]) as train, Database(wanted[1]) as test:
        assert (len(train), len(test)) == (5, 300)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.json", *sorted(NAMES)]


def test_databases_in_two_folders(small_mnist: Path, tmp_path: Path) -> None:
    """Each is made where the net reads it."""
    wanted = [tmp_path / "a" / NAMES[0], tmp_path / "b" / NAMES[1]]
    make_missing(wanted, small_mnist)
    assert [one["records"] for one in fingerprints(wanted)] == [1200, 300]


def test_a_database_that_cannot_be_made(small_mnist: Path, tmp_path: Path) -> None:
    """Another name than MNIST's: the line names it."""
    with pytest.raises(CaffeMnistError, match="flowers_lmdb: there is no such database"):
        make_missing([tmp_path / "flowers_lmdb"], small_mnist)


def test_a_folder_that_is_no_database(tmp_path: Path) -> None:
    """An empty folder is named; a LevelDB, which real Caffe reads, is left to it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaffeMnistError, match="empty"):
        fingerprints([tmp_path / "empty"])
    (tmp_path / "level").mkdir()
    (tmp_path / "level" / "CURRENT").write_text("MANIFEST-000001\n")
    assert fingerprints([tmp_path / "level"])[0]["records"] is None


def test_a_dataset_is_copied_once(small_mnist: Path, tmp_path: Path) -> None:
    """What is there with the same size and time stays; its own folder is not copied."""
    copy_dataset(str(small_mnist), tmp_path / "data")
    first = {path: path.stat().st_ino for path in (tmp_path / "data").iterdir()}
    copy_dataset(str(small_mnist) + "/", tmp_path / "data")
    copy_dataset(str(tmp_path / "data"), tmp_path / "data")
    assert {path: path.stat().st_ino for path in (tmp_path / "data").iterdir()} == first
    assert len(first) == 4


def test_a_dataset_with_an_index(tmp_path: Path) -> None:
    """Found by its index or its folder inside sources with options; recorded by the index."""
    make(tmp_path / "data", Share(2))
    net = tmp_path / "net.prototxt"
    source = f"{tmp_path}/data?set=val&first=0.5;{tmp_path}/data/dataset.json?weight=2"
    net.write_text(f'layer {{ type: "Data" data_param {{ source: "{source}" }} }}')
    wanted = databases([net])
    assert wanted == [tmp_path / "data", tmp_path / "data" / "dataset.json"]
    assert make_missing(wanted, tmp_path) == []
    one, other = fingerprints(wanted)
    assert one["records"] == other["records"] == 23
    assert one["sha256"] == sha256(tmp_path / "data" / "dataset.json")
    assert one["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("data.mdb"))
    assert record_shapes(str(wanted[0])) == record_shapes(str(wanted[1])) == [(1, 2, 2)] * 16
    (tmp_path / "data" / "train_lmdb-00001-of-00002").rename(tmp_path / "aside")
    with pytest.raises(CaffeMnistError, match="train_lmdb-00001-of-00002 is missing"):
        fingerprints(wanted)


def test_the_shape_of_encoded_pictures(tmp_path: Path) -> None:
    """Read from the picture: Caffe's own records do not tell it."""
    cv2 = pytest.importorskip("cv2")
    content = cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    with DatabaseWriter(tmp_path / "db") as writer:
        writer.put([(b"0", caffe_pb2.Datum(data=content, encoded=True).SerializeToString())])
    assert record_shapes(str(tmp_path / "db")) == [(3, 4, 6)]
