"""Jobs that are told to stop, and jobs of which a process is killed: nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from caffe_mnist.launch.process import start_trainer
from caffe_mnist.launch.trainer import find_trainer
from caffe_mnist.storage.survey import published
from tests.fixtures.jobs import Job, until
from tests.fixtures.swift import Swift

AT = "22"
SMALL = "--set=layer[mnist].data_param.batch_size=8"


def waits(job: Job) -> bool:
    """Whether the trainer has come to where it waits."""
    return "Iteration 20, loss" in job.log() or "Iteration 20 (" in job.log()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stop_keeps_the_work(job: Job, number: int, status: int) -> None:
    """SIGTERM and Ctrl-C: the trainer snapshots, it is uploaded, 143 or 130."""
    with job.started("--upload-every=3600", FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        process.send_signal(number)
        assert process.wait(timeout=120) == status
    assert job.snapshots() == {"1": 10, "2": 20, "3": 22}
    assert not job.processes()
    record = json.loads((job.store / "failed" / "run.json").read_text())
    assert (record["status"], record["exit_status"]) == ("stopped", status)
    done = job.run("--snapshot=auto")
    assert done.status == 0
    assert job.calls()[-1][3:5] == ["-snapshot", f"{job.model}/mnist_lenet_iter_22.solverstate"]
    assert job.snapshots() == {"1": 10, "2": 20, "3": 22, "4": 30, "final": 30}


def test_a_stop_before_the_training(job: Job) -> None:
    """While data is prepared there is nothing to snapshot: it just ends."""
    with job.started() as process:
        until(lambda: "training with" in job.stderr())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    assert not job.processes()
    assert "Traceback" not in job.stderr()


def test_a_deaf_trainer_is_killed(job: Job) -> None:
    """One that does not stop in --stop-timeout seconds; its snapshots are uploaded."""
    deaf = {"FAKE_DEAF": "1", "FAKE_PACE": "99"}
    with job.started("--stop-timeout=0.5", **deaf) as process:
        until(lambda: "Iteration 0 (" in job.log())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    assert "the trainer did not stop; killing it" in job.stderr()
    assert not job.processes()


def test_the_trainer_is_killed(job: Job) -> None:
    """kill -9: status 137, complete snapshots in the store, and on from there."""
    with job.started("--upload-every=3600", FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, signal.SIGKILL)
        assert process.wait(timeout=120) == 137
    assert "killed from outside" in job.stderr()
    assert job.snapshots() == {"1": 10, "2": 20}
    assert job.run("--snapshot=auto").status == 0
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}


def test_the_uploader_is_killed(job: Job) -> None:
    """kill -9: another one is started, and takes what is missing only."""
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        until(lambda: len(job.snapshots()) >= 1)
        (uploader,) = job.processes("storage.uploader")
        os.kill(uploader, signal.SIGKILL)
        until(lambda: "the uploader ended (-9); starting it again" in job.stderr())
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, signal.SIGINT)
        # The trainer was asked to stop by another hand, so the job did not reach its end.
        assert process.wait(timeout=120) == 130
    assert sorted(job.snapshots().values()) == [10, 20, 22]


def test_the_uploader_is_killed_at_the_end(job: Job) -> None:
    """Also while the launcher waits for the last uploads."""
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        (uploader,) = job.processes("storage.uploader")
        os.kill(uploader, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        until(lambda: not job.processes("fake_caffe.py"))
        os.kill(uploader, signal.SIGKILL)
        assert process.wait(timeout=120) == 143
    assert sorted(job.snapshots().values()) == [10, 20, 22]


def test_the_launcher_is_killed(job: Job) -> None:
    """kill -9: trainer and uploader end by themselves, with a last snapshot in the store."""
    with job.started("--upload-every=3600", FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        until(lambda: job.processes("storage.uploader"))
        process.kill()
        process.wait()
        until(lambda: not job.processes())
    assert job.snapshots() == {"1": 10, "2": 20, "3": 22}
    assert job.record()["status"] == "running"
    done = job.run("--snapshot=auto")
    assert done.status == 0
    assert job.snapshots() == {"1": 10, "2": 20, "3": 22, "4": 30, "final": 30}


def test_everything_is_killed_and_the_disk_is_gone(
    job: Job, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that vanishes: another one goes on from the store."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    job.url = f"s3://{swift.bucket()}/run"
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        until(lambda: len(published(job.url)) == 2)
        for pid in [process.pid, *job.processes("storage.uploader"), *job.processes()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    shutil.rmtree(job.model)
    shutil.rmtree(job.folder / "data")
    done = job.run("--snapshot=auto")
    assert done.status == 0, done.stderr
    assert f"starting from iteration 20 in {job.url}/2" in done.stderr
    found = {one.folder: one.manifest.iteration for one in published(job.url)}
    assert found == {"1": 10, "2": 20, "3": 30, "final": 30}


TINY = """
net_param {
  layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 2 dim: 3 } } }
  layer { name: "ip" type: "InnerProduct" bottom: "d" top: "ip"
    inner_product_param { num_output: 1 } }
  layer { name: "l" type: "Reduction" bottom: "ip" top: "l" loss_weight: 1 }
}
base_lr: 0.1 lr_policy: "fixed" max_iter: 1000000 snapshot_prefix: "tiny" solver_mode: CPU
"""


def test_a_stop_as_soon_as_the_engine_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python itself is up, too: it waits for the training, which is stopped."""
    monkeypatch.chdir(tmp_path)
    Path("solver.prototxt").write_text(TINY)
    command = find_trainer("embedded").arguments("solver.prototxt", "", "", "", "resume")
    process = start_trainer(command, Path("log"), patient=True)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
    assert "Optimization stopped early." in Path("log").read_text()


@pytest.mark.parity
@pytest.mark.parametrize("which", ["real", "embedded"])
def test_a_stop_of_a_true_trainer(job: Job, which: str, request: pytest.FixtureRequest) -> None:
    """SIGTERM in the middle of a training of LeNet, and on from the snapshot it made."""
    caffe = which
    if which == "real":
        found: Path = request.getfixturevalue("real_caffe")
        caffe = str(found / "caffe")
    more = [f"--caffe={caffe}", "--set=test_iter=1", "--set=snapshot=0", SMALL]
    with job.started(*more, "--set=max_iter=100000") as process:
        until(lambda: "Iteration 10 (" in job.log(), seconds=200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    ((folder, iteration),) = job.snapshots().items()
    assert (folder, iteration >= 10) == ("1", True)
    done = job.run(*more, f"--set=max_iter={iteration + 2}", "--snapshot=auto")
    assert done.status == 0, done.stderr
    assert f"starting from iteration {iteration} in " in done.stderr
    assert job.snapshots() == {"1": iteration, "2": iteration + 2, "final": iteration + 2}
