"""Jobs that fail: the right status, one clear line, and every complete snapshot kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.survey import published
from tests.fixtures.faults import RESET, FaultProxy
from tests.fixtures.jobs import SOLVER, Job, until
from tests.fixtures.swift import Swift

pytestmark = pytest.mark.events


def test_the_trainers_failure_is_the_jobs(job: Job) -> None:
    """Its exit status, what its log says last, and its complete snapshots in the store."""
    done = job.run(FAKE_FAIL_AT="25", FAKE_STATUS="7")
    assert done.status == 7
    assert len(done.errors) == 1
    assert (
        "with exit status 7: Check failed: the fake trainer failed as it was told"
        in (done.errors[0])
    )
    assert str(job.model / "train.log") in done.errors[0]
    assert job.snapshots() == {"1": 10, "2": 20}
    record = json.loads((job.store / "failed" / "run.json").read_text())
    assert (record["status"], record["exit_status"]) == ("failed", 7)
    assert (job.store / "failed" / "train.log").read_text() == job.log()


def test_a_failure_at_once_loses_nothing(job: Job) -> None:
    """Even a trainer that is gone before the uploader is up."""
    done = job.run("--set=snapshot=1", FAKE_FAIL_AT="1", FAKE_STATUS="3")
    assert done.status == 3
    assert job.snapshots() == {"1": 1}


def test_a_half_written_snapshot_is_never_taken(job: Job) -> None:
    """A disk that is full while the state is written: only what is whole goes up."""
    done = job.run(FAKE_CUT_AT="20")
    assert done.status == 128 + 6
    assert (job.model / "mnist_lenet_iter_20.solverstate").exists()
    assert job.snapshots() == {"1": 10}
    assert "iteration 20 is cut off; not uploaded" in done.stderr
    done = job.run("--snapshot=auto")
    assert done.status == 0
    assert "starting from iteration 10 in " in done.stderr
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}


def test_a_typo_in_a_prototxt(job: Job) -> None:
    """File, line and column of every fault, status 2, and nothing done."""
    code = job.folder / "code"
    shutil.copytree(SOLVER.parent, code)
    solver, net = code / SOLVER.name, code / "lenet_train_test.prototxt"
    solver.write_text(solver.read_text().replace("momentum:", "momentun:"))
    net.write_text(net.read_text().replace("num_output: 20", "num_outputs: 20"))
    line = 1 + solver.read_text().split("momentun")[0].count("\n")
    done = job.run(f"--solver={solver}")
    assert done.status == 2
    assert any(f"{solver}:{line}:1: " in error for error in done.errors)
    assert not job.model.exists()
    assert not job.calls()
    solver.write_text(SOLVER.read_text())
    done = job.run(f"--solver={solver}")
    line = 1 + net.read_text().split("num_outputs")[0].count("\n")
    assert done.status == 2
    assert any(f"{net}:{line}:" in error for error in done.errors)
    assert not (job.folder / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--data-url=nowhere"], 1, "nowhere: there is no such folder"),
        (["--data-url=", "--data-local-path=empty"], 2, "there is no such database, nor MNIST"),
        (["--weights=none.caffemodel"], 2, "none.caffemodel: there is no such file"),
        (["--snapshot=none.solverstate"], 2, "none.solverstate: there is no such file"),
        (["--solver=none.prototxt"], 2, "none.prototxt: there is no such solver"),
        (["--caffe=none"], 2, "there is no program none"),
        (["--set=max_itre=3"], 2, "max_itre"),
        (["--train-url=ftp://host/x"], 2, "unknown scheme ftp://"),
        (["--drain-timeout=nan"], 2, "--drain-timeout: cannot be nan"),
        (["--keep=x"], 2, "argument --keep: invalid int value: 'x'"),
        (["--train-url=s3://bucket/x"], 2, "no credentials in the environment"),
        (["--model-local-path=/proc/none"], 2, "/proc/none: cannot make the folder"),
        (["--num_gpus=2"], 2, "-gpu 0,1: this machine has no GPU"),
        (
            ["--num_gpus=2", "--no-preflight"],
            134,
            "this Caffe was built without CUDA and cannot use -gpu",
        ),
    ],
)
def test_what_cannot_work(job: Job, arguments: list[str], status: int, message: str) -> None:
    """One line that names the fault, no traceback."""
    for name in ("AWS_ACCESS_KEY_ID", "ACCESS_KEY_ID", "OBS_ACCESS_KEY_ID"):
        os.environ.pop(name, None)
    done = job.run(*arguments)
    assert done.status == status, done.stderr
    assert len(done.errors) == 1
    assert message in done.errors[0]
    assert "Traceback" not in done.stderr
    assert status != 2 or "--train-url" not in arguments[0] or done.said == done.errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the access key or its secret is wrong"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "the access key "),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "the store does not answer"),
        ({}, "there is no such bucket"),
    ],
)
def test_a_wrong_key_is_said_before_anything_heavy(
    job: Job, swift: Swift, change: dict[str, str], message: str
) -> None:
    """One line, before the data is copied and the trainer started."""
    job.url = f"s3://{swift.bucket() if change else 'none'}/run"
    job.environment = {**swift.env(), **change}
    done = job.run()
    assert done.status == 1
    assert len(done.errors) == 1
    assert message in done.errors[0]
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert not job.calls()
    assert not (job.folder / "data").exists()


def test_failed_uploads_never_stop_the_training(
    job: Job, swift: Swift, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that breaks off connections: training goes on, all arrives, each file once."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    bucket = swift.bucket()
    job.url = f"s3://{bucket}/run"
    job.environment = swift.env(faults.endpoint)
    with job.started("--upload-every=0", FAKE_WAIT_AT="22") as process:
        until(lambda: "Iteration 20, Testing" in job.log())
        until(lambda: len(published(job.url)) == 2)
        faults.fault(RESET, times=5)
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, 2)
        assert process.wait(timeout=120) == 128 + 2
        assert faults.hits == 5
    found = {one.folder: one.manifest.iteration for one in published(job.url)}
    assert found == {"1": 10, "2": 20, "3": 22}
    puts = [line.split()[1] for line in faults.requests if line.startswith("PUT ")]
    safe = [put for put in puts if f"/{bucket}/run/1/" in put or f"/{bucket}/run/2/" in put]
    assert len(safe) == len(set(safe)) == 6, puts


def test_nothing_is_uploaded_twice(job: Job, swift: Swift, faults: FaultProxy) -> None:
    """Three runs of one job: a PUT a file of a snapshot, in all."""
    bucket = swift.bucket()
    job.url = f"s3://{bucket}/run"
    job.environment = swift.env(faults.endpoint)
    assert job.run().status == 0
    assert job.run("--snapshot=auto").status == 0
    shutil.rmtree(job.model)
    assert job.run("--snapshot=auto").status == 0
    puts = [line.split()[1] for line in faults.requests if line.startswith("PUT ")]
    puts = [put for put in puts if put.count("/") > 3]  # not newest.json and such
    assert len(puts) == len(set(puts))
    numbered = [put for put in puts if not re.search("/run/(final|events)/", put)]
    assert len(numbered) == 3 * 3


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting needs root")
@pytest.mark.parity
def test_a_full_disk(job: Job, real_caffe: Path) -> None:
    """Real Caffe dies of it: the job says so, and what was whole is in the store."""
    job.model.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", job.model])
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        done = job.run(
                "--set=snapshot=5", "--set=test_iter=1", "--no-preflight",
                caffe=str(real_caffe / "caffe"),
            )  # fmt: skip
    finally:
        subprocess.run(["umount", "-l", job.model], check=True)
    assert done.status not in (0, 2)
    assert len(done.errors) == 1
    assert "the disk is full" in done.errors[0]
    assert "Traceback" not in done.stderr
    assert sorted(job.snapshots().values())[:2] == [5, 10]


def test_a_disk_too_small_for_the_databases(job: Job) -> None:
    """One line, and no half database stays."""
    data = job.folder / "data"
    data.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", data]).returncode
    ):
        pytest.skip("mounting needs root")
    try:
        done = job.run()
        assert not list(data.glob("*lmdb"))
    finally:
        subprocess.run(["umount", "-l", data], check=True)
    assert done.status != 0
    assert len(done.errors) == 1
    assert "No space left on device" in done.errors[0]
    assert not job.calls()


def test_the_record_of_a_failure_is_in_the_store(
    job: Job, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container is gone with its disk; the store keeps the log."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    job.url = f"s3://{swift.bucket()}/run"
    assert job.run(FAKE_FAIL_AT="3").status == 1
    assert b"Check failed" in open_store(job.url).read("failed/train.log")
