"""A LevelDB, Caffe's default backend, feeds the engine as it feeds real Caffe."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.errors import CaffeMnistError
from tests.parity.training import ENGINE, train

pytest.importorskip("plyvel", reason="the extra leveldb is not installed")

NET = """
name: "level"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 mirror: true crop_size: 24 }
  data_param { source: "level" batch_size: 16 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 crop_size: 24 }
  data_param { source: "mnist_test_lmdb" batch_size: 10 backend: LMDB } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = (
    'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" display: 2 max_iter: 12 random_seed: 4 '
    "test_iter: 3 test_interval: 6 solver_mode: CPU snapshot_after_train: false "
)


@pytest.fixture
def folder(small_mnist: Path, real_caffe: Path, tmp_path: Path) -> Path:
    """The training images as a LevelDB of real Caffe's and as an LMDB of ours."""
    mnist.convert(small_mnist, tmp_path)
    files = {path.name.removesuffix(".gz"): path for path in small_mnist.iterdir()}
    plain = []
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        plain.append(tmp_path / name)
        if files[name].suffix == ".gz":
            plain[-1].write_bytes(subprocess.check_output(["gzip", "-dc", files[name]]))
        else:
            shutil.copy(files[name], plain[-1])
    program = real_caffe / "convert_mnist_data"
    subprocess.run([program, *plain, tmp_path / "level", "--backend=leveldb"], check=True)
    return tmp_path


@pytest.mark.parity
def test_it_trains_as_real_caffe_does(folder: Path, real_caffe: Path) -> None:
    """From one seed, with crops and mirrors: the same losses, in training and tests."""
    (folder / "net.prototxt").write_text(NET)
    real = train((real_caffe / "caffe",), folder, SOLVER)
    ours = train(ENGINE, folder, SOLVER)
    assert len(real.losses) == 6
    assert ours.losses == pytest.approx(real.losses, rel=1e-4)
    assert ours.tested("loss") == pytest.approx(real.tested("loss"), rel=1e-4)


def test_its_records_are_those_of_the_lmdb(folder: Path) -> None:
    """Keys and values, from any record on; two readers of one database at once."""
    level, other = LevelDatabase(folder / "level"), LevelDatabase(folder / "level")
    with Database(folder / "mnist_train_lmdb") as lmdb:
        assert len(level) == len(other) == len(lmdb)
        for start in (0, 5, len(lmdb) - 1, len(lmdb)):
            expected = [(key, bytes(value)) for key, value in lmdb.records(start)]
            assert list(level.records(start)) == expected
            assert list(other.records(start)) == expected
    level.close()
    with pytest.raises(ValueError, match="closed"):
        next(level.records())


def test_what_is_none_is_named(folder: Path) -> None:
    """A missing folder, an LMDB, an empty folder, a damaged one: one line each."""
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "CURRENT").write_text("MANIFEST-000002\n")
    for name, message in {
        "missing": "there is no such database",
        "empty": "is no LevelDB",
        "mnist_train_lmdb": r"is an LMDB \(set backend: LMDB\)",
        "broken": "cannot open as a LevelDB",
    }.items():
        with pytest.raises(CaffeMnistError, match=f"{name}: {message}"):
            LevelDatabase(folder / name)
