"""Epochs as a unit, and tests that see every record once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from caffe_mnist import train
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.epochs import divisor, workers_of
from caffe_mnist.launch.settings import Settings
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from tests.fixtures.jobs import Job


@pytest.mark.parametrize(
    ("records", "batch", "found"),
    [(10000, 100, 100), (300, 64, 60), (10000, 64, 50), (997, 64, 1), (94, 30, 47), (7, 100, 7)],
)
def test_batches_that_divide(records: int, batch: int, found: int) -> None:
    """The largest up to the batch; where that is small, one up to twice as large."""
    assert divisor(records, batch) == found


def test_a_job_in_epochs(job: Job) -> None:
    """max_iter, test_iter and the test batch come of the data; the nets of one's own stay."""
    done = job.run("--epochs=3", "--test-once-over", "--set=layer[0].data_param.batch_size=50")
    assert done.status == 2
    assert "max_iter too: give one" in done.errors[0]
    command = [one for one in job.command("--epochs=1.5", "--test-once-over", "--keep=1")
               if "max_iter" not in one]  # fmt: skip
    ran = subprocess.run(command, cwd=job.folder, env=job.surroundings({}), capture_output=True,
                         text=True, timeout=300)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    solver = read_text(job.model / "prototxt" / "lenet_solver.prototxt", caffe_pb2.SolverParameter)
    net = read_text(job.model / "prototxt" / "lenet_train_test.prototxt", caffe_pb2.NetParameter)
    records = {name: _records(job.folder / "data" / name)
               for name in ("mnist_train_lmdb", "mnist_test_lmdb")}  # fmt: skip
    assert solver.max_iter == -(-round(records["mnist_train_lmdb"] * 1.5) // 64)
    test = next(one for one in net.layer if one.type == "Data" and one.include[0].phase == 1)
    assert list(solver.test_iter) == [records["mnist_test_lmdb"] // test.data_param.batch_size]
    assert records["mnist_test_lmdb"] % test.data_param.batch_size == 0
    assert "one epoch is " in ran.stderr


@pytest.mark.parametrize(
    ("settings", "workers"),
    [
        (Settings(), 1),
        (Settings(workers=3), 3),
        (Settings(gpu="0,2"), 2),
        (Settings(nodes="4", workers=2), 8),
        (Settings(nodes="2:2"), 2),
    ],
)
def test_every_worker_takes_a_batch(settings: Settings, workers: int) -> None:
    """An epoch is shared by all workers of all machines."""
    assert workers_of(settings) == workers


def test_epochs_of_machines_that_come_and_go() -> None:
    """Nobody can count them."""
    with pytest.raises(CaffeMnistError, match="--nodes says 1:3"):
        workers_of(Settings(nodes="1:3"))


NET = """
layer {{ name: "data" type: "Data" top: "data" include {{ phase: TRAIN }}
  data_param {{ source: "{0}/pictures" batch_size: 4 backend: LMDB }} }}
layer {{ name: "label" type: "Data" top: "label" include {{ phase: TRAIN }}
  data_param {{ source: "{0}/{1}" batch_size: 4 backend: LMDB }} }}
layer {{ name: "data" type: "Data" top: "data" include {{ phase: TEST }}
  data_param {{ source: "{0}/pictures" batch_size: 8 backend: LMDB }} }}
layer {{ name: "label" type: "Data" top: "label" include {{ phase: TEST }}
  data_param {{ source: "{0}/labels" batch_size: 8 backend: LMDB }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param {{ num_output: 1 }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""


def test_pictures_and_their_labels_go_in_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two databases of as many records are one epoch; of others nobody can say what one is."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("pictures", 12), ("labels", 12), ("fewer", 11)):
        with DatabaseWriter(tmp_path / name) as writer:
            writer.put([(b"%08d" % k, head(1, 1, 1) + b"x" + tail(0)) for k in range(count)])
    solver = 'net: "n.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 900 snapshot: 3 '
    Path("s.prototxt").write_text(solver + 'snapshot_prefix: "x" test_iter: 1 test_interval: 9')
    look = ["--solver=s.prototxt", "--epochs=2", "--test-once-over", "--preflight-only"]
    for labels, status in (("labels", 0), ("fewer", 1)):
        Path("n.prototxt").write_text(NET.format(tmp_path, labels))
        assert train.main(look) == status
        said = capsys.readouterr().err
        if status:
            assert "reads 12 from data, 4 at once and 11 from label, 4 at once, in phase" in said
        else:
            assert "one epoch is 3.0 iterations (12 records, 4 at once): 2 are 6" in said
            assert "sees all 12 records once: 2 batches of 6 (batch_size was 8" in said
            assert "3 snapshot(s) of" in said  # as many as are to come, not those of max_iter


def _records(path: Path) -> int:
    with Database(path) as database:
        return len(database)
