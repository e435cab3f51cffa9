"""A job whose store is away at the end: what is missing is said, kept, and finished later."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.owner import OWNER
from caffe_mnist.storage.survey import published
from caffe_mnist.storage.unfinished import (
    UNFINISHED,
    Final,
    Unfinished,
    finish,
    read_unfinished,
)
from caffe_mnist.storage.uploader import Settings, Uploader
from tests.fixtures import fake_caffe
from tests.fixtures.faults import HANG, FaultProxy
from tests.fixtures.jobs import Job, until
from tests.fixtures.swift import Swift

ALL = {"1": 10, "2": 20, "3": 22, "4": 30, "final": 30}


@contextmanager
def away(job: Job) -> Iterator[None]:
    """The store is no folder for a while."""
    aside = job.folder / "aside"
    job.store.rename(aside)
    job.store.write_text("a file")
    try:
        yield
    finally:
        job.store.unlink()
        aside.rename(job.store)


def cut_off(job: Job, number: int = signal.SIGHUP) -> int:
    """A job that loses its store after iteration 20, goes on to its end, and its status."""
    with job.started("--drain-timeout=2", FAKE_WAIT_AT="22") as process:
        until(lambda: "Iteration 20 (" in job.log())
        until(lambda: len(job.snapshots()) == 2)
        with away(job):
            (trainer,) = job.processes("fake_caffe.py")
            os.kill(trainer, number)
            return process.wait(timeout=120)


def test_what_is_missing_is_said_and_kept(job: Job) -> None:
    """Status 1, one line; the files are here, and `unfinished.json` names them."""
    assert cut_off(job) == 1
    (error,) = [line for line in job.stderr().splitlines() if ": error: " in line]
    assert f"{job.store}: not in the store: iteration 22, 30 and final/" in error
    assert f"python -m caffe_mnist.storage sync {job.model} {job.store}" in error
    work = read_unfinished(job.model)
    assert work is not None
    assert work.final is not None
    assert (work.snapshots, work.final.iteration) == ((22, 30), 30)
    assert all((job.model / name).is_file() for name in work.final.files)
    assert job.record()["status"] == "unfinished"
    assert job.snapshots() == {"1": 10, "2": 20}


def test_sync_finishes_it(job: Job) -> None:
    """All of it, also `final`, its manifest last; then the place is free, and nothing is left."""
    assert cut_off(job) == 1
    assert (job.store / OWNER).exists()  # it could not be given up
    command = [sys.executable, "-m", "caffe_mnist.storage", "sync", str(job.model), str(job.store)]
    subprocess.run(command, check=True, env=job.surroundings({}), timeout=120)
    assert job.snapshots() == ALL
    assert not (job.model / UNFINISHED).exists()
    assert not (job.store / OWNER).exists()
    assert finish(job.model, str(job.store)) is False


def test_a_new_start_finishes_it(job: Job) -> None:
    """--resume trains nothing and brings what is missing."""
    assert cut_off(job) == 1
    done = job.run("--resume")
    assert done.status == 0, done.stderr
    assert "nothing to train" in done.stderr
    assert job.snapshots() == ALL
    assert not (job.model / UNFINISHED).exists()


def test_a_stop_without_a_store(job: Job) -> None:
    """The status of the stop, and the snapshot that it made is not forgotten."""
    assert cut_off(job, signal.SIGINT) == 130
    assert "not in the store: iteration 22 (" in job.stderr()
    done = job.run("--resume")
    assert done.status == 0
    assert job.snapshots() == ALL


def test_a_local_snapshot_that_is_not_in_the_store(job: Job) -> None:
    """What a resumed job goes on from is uploaded first: its loss would cost two intervals."""
    with job.started("--upload-every=3600", FAKE_WAIT_AT="22") as process:
        until(lambda: "Iteration 20 (" in job.log())
        until(lambda: len(job.snapshots()) >= 1)
        job.kill(process)
    assert 20 not in job.snapshots().values() or len(job.snapshots()) == 2
    shutil.rmtree(job.store / "2", ignore_errors=True)
    done = job.run("--resume", FAKE_FAIL_AT="25")
    assert done.status == 1
    assert job.snapshots() == {"1": 10, "2": 20}


def test_the_launcher_dies_while_it_publishes(job: Job, swift: Swift, faults: FaultProxy) -> None:
    """`unfinished.json` is written before: the next start completes `final`."""
    for name, value in swift.env().items():
        os.environ[name] = value
    try:
        job.url = f"s3://{swift.bucket()}/run"
        job.environment = swift.env(faults.endpoint)
        with job.started(FAKE_WAIT_AT="22") as process:
            until(lambda: "Iteration 20 (" in job.log())
            until(lambda: len(published(job.url)) == 2)
            (trainer,) = job.processes("fake_caffe.py")
            os.kill(trainer, signal.SIGHUP)
            until(lambda: (job.model / UNFINISHED).exists())
            faults.fault(HANG)
            process.kill()
            process.wait()
            for pid in job.processes():
                os.kill(pid, signal.SIGKILL)
        faults.fault(None)
        job.environment = swift.env()
        done = job.run("--resume")
        assert done.status == 0, done.stderr
        found = {one.folder: one.manifest.iteration for one in published(job.url)}
        assert found == ALL
    finally:
        for name in swift.env():
            del os.environ[name]


def test_a_request_that_hangs(job: Job, swift: Swift, faults: FaultProxy) -> None:
    """--drain-timeout holds although nobody answers; training itself never waited."""
    job.url = f"s3://{swift.bucket()}/run"
    job.environment = swift.env(faults.endpoint)
    with job.started("--drain-timeout=3", FAKE_WAIT_AT="22") as process:
        until(lambda: "Iteration 20 (" in job.log())
        faults.fault(HANG)
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, signal.SIGHUP)
        until(lambda: "Optimization Done." in job.log())
        assert process.wait(timeout=170) == 1  # a request's own limits add up to far more
    assert "not in the store: iteration " in job.stderr()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no list"),
        ("[]", "is no list"),
        ('{"version": 2}', "is of version 2"),
        ('{"version": 1}', "is no list"),
        ('{"version": 1, "run": "x", "url": "u", "prefix": "p", "keep": 0, "snapshots": [1],'
         ' "final": {"iteration": 1, "files": ["../x"]}, "failed": []}', "no path below"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    """One line, and nothing is touched."""
    (tmp_path / UNFINISHED).write_text(content)
    with pytest.raises(CaffeMnistError, match=message):
        finish(tmp_path, str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_files_that_are_gone(job: Job) -> None:
    """Said by name; what is there was brought, and the rest stays written down."""
    assert cut_off(job) == 1
    (job.model / "mnist_lenet_iter_30.caffemodel").unlink()
    with pytest.raises(CaffeMnistError, match="iteration 30 is not here"):
        finish(job.model, str(job.store))
    assert (job.model / UNFINISHED).exists()
    assert json.loads((job.model / UNFINISHED).read_text())["final"]["iteration"] == 30


def test_what_is_beyond_keep_goes_with_the_rest(tmp_path: Path) -> None:
    """Found by the soak: an uploader whose time was over just before it removed the oldest."""
    model, store = tmp_path / "model", str(tmp_path / "store")
    model.mkdir()
    for iteration in (10, 20, 30):
        fake_caffe.snapshot(f"{model}/net", iteration)
    assert Uploader(Settings(f"{model}/net", store)).look(final=True)
    final = Final(30, tuple(path.name for path in sorted(model.glob("net_iter_30.*"))))
    Unfinished("run", store, "net", keep=2, final=final).write(model)
    assert finish(model, store)
    assert [one.folder for one in published(store)] == ["2", "3", "final"]
