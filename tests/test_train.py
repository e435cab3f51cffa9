"""The train command: a whole job, with a fake trainer, real Caffe and the embedded engine."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary, read_text
from caffe_mnist.storage.snapshots import fetch
from caffe_mnist.storage.survey import published
from tests.fixtures.jobs import COMMAND, SOLVER, Job
from tests.fixtures.swift import Swift

SMALL = "--set=layer[mnist].data_param.batch_size=8"
FINAL = {
    "manifest.json", "mnist_lenet_iter_30.caffemodel", "mnist_lenet_iter_30.solverstate",
    "lenet_deploy.prototxt", "run.json", "metrics.csv", "train.log",
}  # fmt: skip


def test_a_whole_job(job: Job) -> None:
    """From raw files to databases, numbered snapshots, and the final model with its papers."""
    done = job.run(FAKE_PACE="0.05")
    assert done.status == 0, done.stderr
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}
    names = {path.name for path in (job.store / "final").iterdir()}
    assert names - {"curves.png"} == FINAL
    assert (job.folder / "data" / "mnist_train_lmdb" / "data.mdb").is_file()
    deploy = read_text(job.store / "final" / "lenet_deploy.prototxt", caffe_pb2.NetParameter)
    assert deploy.layer[-1].name == "prob"
    assert (job.store / "final" / "train.log").read_text() == job.log()
    # The log of the trainer is passed through.
    assert set(job.log().splitlines()) <= set(done.stderr.splitlines())


def test_the_record_of_a_run(job: Job) -> None:
    """`run.json`: arguments, versions, data checksums, timings, results."""
    assert job.run("--keep=2").status == 0
    record = json.loads((job.store / "final" / "run.json").read_text())
    assert record == job.record()
    assert record["arguments"]["keep"] == 2
    assert record["arguments"]["set"][0] == "max_iter=30"
    assert (record["status"], record["exit_status"]) == ("succeeded", 0)
    assert "caffe version 1.0.0 (a fake one)" in record["trainer"]
    assert {"caffe_mnist", "python", "numpy", "protobuf"} <= set(record["versions"])
    train, test = record["data"]
    assert (train["records"], test["records"]) == (1200, 300)
    assert re.fullmatch("[0-9a-f]{64}", train["sha256"])
    assert {"copy", "convert", "train", "drain"} <= set(record["timings"])
    assert record["results"]["test0_accuracy"] == 0.99
    assert record["results"]["iteration"] == 30


def test_the_metrics_of_a_run(job: Job) -> None:
    """`metrics.csv`: a row an iteration, beside the model."""
    assert job.run().status == 0
    with (job.store / "final" / "metrics.csv").open() as file:
        rows = {int(row["iteration"]): row for row in csv.DictReader(file)}
    assert sorted(rows) == [0, 5, 10, 15, 20, 25, 30]
    assert rows[10]["loss"] == "0.0909091"
    assert rows[10]["lr"] == "0.01"
    assert rows[30]["test0_accuracy"] == "0.99"


def test_the_platforms_command_line(tmp_path: Path, small_mnist: Path, job: Job) -> None:
    """ModelArts' arguments to the letter, from the parent of the code folder; empty ones and
    unknown ones do not stop the job."""
    code = tmp_path / "codes"
    shutil.copytree(SOLVER.parent, code)
    arguments = [
        "--data_url=", f"--train_url={tmp_path}/store", "--data_path_suffix=codes",
        f"--data_local_path={tmp_path}/dataset", f"--model_local_path={tmp_path}/lenet_mnist",
        "--num_gpus=0", "--init_method=tcp://job-1", "--task_index=0", "--worker_hosts=",
    ]  # fmt: skip
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "dataset").mkdir(exist_ok=True)
        shutil.copy(small_mnist / f"{name}-ubyte", tmp_path / "dataset")
    more = [f"--caffe={job.trainer}", "--set", "max_iter=3"]
    done = subprocess.run(
        [*COMMAND, *arguments, *more], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("init-method", "task-index", "worker-hosts"):
        assert f"train: ignoring unknown argument --{name}\n" in done.stderr
    assert (tmp_path / "store/final/mnist_lenet_iter_3.caffemodel").is_file()
    solver = (tmp_path / "lenet_mnist/prototxt/lenet_solver.prototxt").read_text()
    assert f'snapshot_prefix: "{tmp_path}/lenet_mnist/mnist_lenet"' in solver
    assert "solver_mode: CPU" in solver
    net = (tmp_path / "lenet_mnist/prototxt/lenet_train_test.prototxt").read_text()
    assert f'source: "{tmp_path}/dataset/mnist_train_lmdb"' in net
    # The files of the code folder are as they were.
    for path in code.iterdir():
        assert path.read_bytes() == (SOLVER.parent / path.name).read_bytes()


def test_a_file_for_all_arguments(job: Job) -> None:
    """`--config` alone does what the arguments do."""
    (job.folder / "run.toml").write_text(
        f'data_url = "{job.dataset}"\ntrain-url = "{job.store}"\nsolver = "{SOLVER}"\n'
        f'data_local_path = "data"\nmodel_local_path = "model"\ncaffe = "{job.trainer}"\n'
        "num_gpus = 0\n[set]\nmax_iter = 4\nsnapshot = 2\n"
    )
    command = [*COMMAND, "--config", "run.toml"]
    done = subprocess.run(command, cwd=job.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert job.snapshots()["final"] == 4


def test_a_dry_run_touches_nothing(job: Job) -> None:
    """It says each step; no file is made, nothing is run."""
    done = job.run("--dry-run", "--snapshot=auto")
    assert done.status == 0
    assert sorted(path.name for path in job.folder.iterdir()) == ["fake"]
    for text in (
        f"copy the dataset {job.dataset} to {job.folder}/data",
        f"rewrite {SOLVER} to {job.model}/prototxt/lenet_solver.prototxt",
        f"source: /home/work/dataset/mnist_train_lmdb -> {job.folder}/data/mnist_train_lmdb",
        "set max_iter: 30",
        f"newest complete snapshot in {job.model} or {job.store}",
        f"run {job.trainer} train -solver {job.model}/prototxt/lenet_solver.prototxt",
        f"copy the final model to {job.store}/final",
    ):
        assert text in done.stdout, text


def test_only_the_newest_are_kept(job: Job) -> None:
    """`--keep 1`: the oldest numbered ones go, or are not uploaded where newer ones are there."""
    assert job.run("--keep=1").status == 0
    assert list(job.snapshots().values()) == [30, 30]


def test_snapshots_wait_for_their_turn(job: Job) -> None:
    """`--upload-every` spaces uploads out; the end waits for none of it."""
    assert job.run("--upload-every=3600", FAKE_PACE="0.05").status == 0
    assert sorted(job.snapshots().values()) == [10, 20, 30, 30]


def test_without_a_store(job: Job) -> None:
    """An empty --train_url: the model stays where it is."""
    done = job.run("--train_url=")
    assert done.status == 0
    assert f"no --train-url: the model stays in {job.model}" in done.stderr
    assert (job.model / "mnist_lenet_iter_30.solverstate").is_file()
    assert job.record()["status"] == "succeeded"
    assert not job.store.exists()


@pytest.mark.parity
def test_real_caffe(job: Job, real_caffe: Path) -> None:
    """The very same job with real Caffe, and on from its snapshot."""
    caffe = str(real_caffe / "caffe")
    done = job.run("--set=test_iter=2", SMALL, caffe=caffe)
    assert done.status == 0, done.stderr
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}
    assert "caffe version 1.0.0" in job.record()["trainer"]
    assert job.record()["results"]["loss"] > 0
    more = ["--set=test_iter=2", SMALL, "--set=max_iter=40", "--snapshot=auto"]
    done = job.run(*more, caffe=caffe)
    assert done.status == 0, done.stderr
    assert "real Caffe reads its database from the start after a resume" in done.stderr
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "4": 40, "final": 40}


@pytest.mark.parity
def test_real_caffe_without_cuda_and_a_gpu(job: Job, real_caffe: Path) -> None:
    """One line says that this Caffe cannot."""
    done = job.run("--num_gpus=1", "--no-preflight", caffe=str(real_caffe / "caffe"))
    assert done.status != 0
    assert len(done.errors) == 1
    assert "this Caffe was built without CUDA and cannot use -gpu" in done.errors[0]


def test_the_embedded_engine_into_a_real_store(
    job: Job, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raw files from S3, snapshots into S3 with keys; a fresh machine goes on from there, also
    in the data: the losses are those of a training that was never interrupted."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    job.url = f"s3://{swift.bucket()}/run/"
    exact = (
        "--set=display=1",
        "--set=random_seed=1",
        "--set=test_iter=1",
        "--set=test_interval=99",
    )
    done = job.run(*exact, "--set=max_iter=14", "--set=snapshot=7", caffe="embedded")
    assert done.status == 0, done.stderr
    assert {one.folder: one.manifest.iteration for one in published(job.url)} == {
        "1": 7, "2": 14, "final": 14,
    }  # fmt: skip
    whole = losses(job.log())
    weights = job.folder / "one"
    fetch(job.url + "/1", weights)
    state = read_binary(weights / "mnist_lenet_iter_7.solverstate", caffe_pb2.SolverState)
    assert state.iter == 7

    def again(*arguments: str) -> dict[int, float]:
        shutil.rmtree(job.model)
        found = job.run(
            *exact, "--train_url=out", "--set=max_iter=12", *arguments, caffe="embedded"
        )
        assert found.status == 0, found.stderr
        return losses(job.log())

    snapshot = f"--snapshot={job.url}1/mnist_lenet_iter_7.solverstate"
    resumed = again(snapshot)
    assert resumed == pytest.approx({n: whole[n] for n in range(7, 12)}, rel=1e-4)
    restarted = again(snapshot, "--data-position=restart")
    assert restarted[8] != pytest.approx(whole[8], rel=1e-3)


@pytest.mark.parity
def test_on_from_real_caffe(job: Job, real_caffe: Path) -> None:
    """The engine goes on from real Caffe's snapshot, at the record where that stopped: the
    losses are those that real Caffe had without a stop."""
    more = ["--set=display=1", "--set=test_iter=1", "--set=iter_size=2", "--set=max_iter=14", SMALL]
    done = job.run(*more, caffe=str(real_caffe / "caffe"))
    assert done.status == 0, done.stderr
    whole = losses(job.log())
    snapshot = job.folder / "mnist_lenet_iter_10.solverstate"
    for path in job.model.glob("*_iter_10.*"):
        path.rename(job.folder / path.name)
    shutil.rmtree(job.model)
    done = job.run(*more, f"--snapshot={snapshot}", caffe="embedded")
    assert done.status == 0, done.stderr
    assert losses(job.log()) == pytest.approx({n: whole[n] for n in range(10, 14)}, rel=1e-3)


def losses(log: str) -> dict[int, float]:
    """The displayed losses of a log."""
    found = re.findall(r"Iteration (\d+) \(.*\), loss = (\S+)", log)
    return {int(n): float(loss) for n, loss in found}
