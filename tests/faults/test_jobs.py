"""Whole jobs while the store or the disk fails: training goes on, and the end tells the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from tests.faults.promises import Found, check_promises
from tests.fixtures import faults
from tests.fixtures.faults import FaultProxy
from tests.fixtures.jobs import Job, until
from tests.fixtures.swift import Swift

Check = Callable[..., Found]


@pytest.fixture
def check(job: Job, swift: Swift, faults: FaultProxy) -> Check:
    """The job's store is a bucket behind the proxy; the check of what is in it."""
    bucket = swift.bucket()
    job.url = f"s3://{bucket}/run"
    job.environment = {**swift.env(faults.endpoint), "CAFFE_MNIST_LONGEST_REQUEST": "2"}

    def look(before: Found | None = None, **more: Any) -> Found:
        return check_promises(swift.objects(bucket, "run"), before, **more)

    return look


@pytest.mark.parametrize("kind", [faults.DOWN, faults.HANG])
def test_training_does_not_wait_for_the_store(
    job: Job, check: Check, faults: FaultProxy, kind: str
) -> None:
    """It trains to its end; then exit status 1, what is missing, and `sync` brings it."""
    with job.started("--drain-timeout=1", FAKE_WAIT_AT="12") as process:
        until(lambda: "Iteration 10 (" in job.log())
        until(lambda: check(at_least=0).complete)
        before = check()
        faults.fault(kind)
        (trainer,) = job.processes("\0-solver\0")
        os.kill(trainer, 1)  # SIGHUP: it snapshots and goes on
        until(lambda: "Optimization Done" in job.log())
        trained = process.poll() is None
        assert process.wait(timeout=120) == 1
    (error,) = [line for line in job.stderr().splitlines() if ": error: " in line]
    assert "not in the store: iteration 12, 20, 30 and final/" in error
    before = check(before, trained=trained)
    faults.fault(None)
    done = subprocess.run(
        [sys.executable, "-m", "caffe_mnist.storage", "sync", str(job.model), job.url],
        env=job.surroundings({}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = check(before, status=0, last=30)
    assert sorted(one.iteration for one in found.numbered.values()) == [10, 12, 20, 30]


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def test_a_full_local_disk(job: Job) -> None:
    """The trainer dies of it; what was whole is safe, and with more room it goes on from there."""
    job.model.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(job.model)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        with job.started("--no-preflight", FAKE_WAIT_AT="22") as process:
            until(lambda: len(job.snapshots()) == 2)
            with pytest.raises(OSError, match="space"):
                fill(job.model / "ballast")
            (trainer,) = job.processes("\0-solver\0")
            os.kill(trainer, 1)
            assert process.wait(timeout=120) != 0
        before = check_promises(LocalStore(job.store), at_least=2)
        assert before.newest == 20
        (job.model / "ballast").unlink()
        done = job.run("--resume", "--no-preflight")
        assert done.status == 0, done.stderr
        assert "starting from iteration 20 " in done.stderr
    finally:
        subprocess.run(["umount", "-l", job.model], check=True)
    check_promises(LocalStore(job.store), before, status=0, last=30, started=20)


def test_the_disk_is_bounded_though_nothing_is_left_to_train(job: Job) -> None:
    """Found by the soak: a job that was killed at its very end and only brings what is missing."""
    assert job.run().status == 0
    before = check_promises(LocalStore(job.store), status=0, last=30)
    for folder in ("final", "3"):  # as if it had been killed before them
        shutil.rmtree(job.store / folder)
    (job.store / "newest.json").unlink()
    done = job.run("--resume", "--keep-local=2")
    assert "nothing to train" in done.stderr
    bounds: Any = {"status": 0, "last": 30, "model": job.model, "keep_local": 2}
    assert done.status == 0
    check_promises(LocalStore(job.store), before, **bounds)
    assert job.run("--resume", "--keep-local=1").status == 0
    check_promises(LocalStore(job.store), before, **{**bounds, "keep_local": 1})
