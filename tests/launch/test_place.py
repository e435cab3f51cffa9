"""Two jobs with one --train-url: the second is refused, unless it takes over a dead one."""

from __future__ import annotations

import json
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest

from caffe_mnist.launch.place import Place
from caffe_mnist.launch.settings import Settings
from caffe_mnist.storage.holder import Holder, this_boot
from caffe_mnist.storage.owner import OWNER, Owner
from caffe_mnist.storage.survey import published
from tests.fixtures.jobs import Job, until
from tests.fixtures.swift import Swift

pytestmark = pytest.mark.events

AT = "22"


def waits(job: Job) -> bool:
    """Whether the trainer has come to where it waits."""
    return "Iteration 20 (" in job.log()


def another(job: Job) -> Job:
    """A second job with folders of its own and the same place in the store."""
    folder = job.folder / "second"
    folder.mkdir()
    return Job(folder, job.dataset, job.url or str(job.store), job.environment)


def free(job: Job) -> bool:
    """Whether nobody has the place."""
    return not (job.store / OWNER).exists()


@pytest.mark.parametrize("how", [[], ["--resume"]])
def test_the_second_is_refused(job: Job, how: list[str]) -> None:
    """One line with run id, host and heartbeat, status 1; the first one notices nothing."""
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        second = another(job)
        done = second.run(*how)
        assert done.status == 1
        assert len(done.errors) == 1
        run = job.record()["run"]
        host = os.uname().nodename
        assert f"belongs to run {run} on host {host} (last heartbeat 20" in done.errors[0]
        assert " s ago)" in done.errors[0]
        assert not second.calls()
        assert not (second.model / "run.json").exists()
        assert json.loads((job.store / OWNER).read_text())["run"] == run
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, signal.SIGHUP)  # it snapshots and goes on
        assert process.wait(timeout=120) == 0
    assert job.snapshots() == {"1": 10, "2": 20, "3": 22, "4": 30, "final": 30}
    assert free(job)


def test_it_is_free_after_each_end(job: Job) -> None:
    """Success, failure, a stop: the next plain start is not refused."""
    assert job.run(FAKE_FAIL_AT="15").status == 1
    assert free(job)
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        assert not free(job)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    assert free(job)
    assert job.run("--caffe=none").status == 2
    assert job.run().status == 0
    assert free(job)


def test_a_dead_one(job: Job) -> None:
    """kill -9 of all: a plain start is refused with the way out; --resume goes on at once."""
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        until(lambda: len(job.snapshots()) == 2)
        job.kill(process)
    done = job.run()
    assert done.status == 1
    assert "it is dead: --resume takes over" in done.errors[0]
    assert len(job.calls()) == 1
    done = job.run("--resume")
    assert done.status == 0, done.stderr
    assert job.calls()[-1][3:] == ["-snapshot", f"{job.model}/mnist_lenet_iter_20.solverstate"]
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}
    assert free(job)


def test_resume_where_it_is_told(job: Job) -> None:
    """--resume with --snapshot none takes a dead one's place over and begins anew."""
    job.store.mkdir()
    dead = Holder("dead", os.uname().nodename, 2**22 + 1, this_boot())
    (job.store / OWNER).write_bytes(dead.to_json())
    done = job.run("--resume", "--snapshot=none")
    assert done.status == 0
    assert job.calls()[-1][3:] == []
    assert free(job)


def test_one_that_was_taken_over_stops(job: Job) -> None:
    """A machine that awakes: nothing more goes to the store, the trainer is stopped, status 1."""
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        until(lambda: len(job.snapshots()) == 2)
        until(lambda: not find_spec("tensorboard") or (job.store / "events").exists())
        (job.store / OWNER).write_bytes(Holder("other", "elsewhere").to_json())
        before = sorted(job.store.rglob("*"))
        (trainer,) = job.processes("fake_caffe.py")
        os.kill(trainer, signal.SIGHUP)
        assert process.wait(timeout=120) == 1
    assert "belongs to run other on host elsewhere" in job.stderr()
    assert sorted(job.store.rglob("*")) == before
    assert json.loads((job.store / OWNER).read_text())["run"] == "other"


def test_a_bucket(job: Job, swift: Swift, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a real store, whose conditional create decides."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    job.url = f"s3://{swift.bucket()}/run"
    with job.started(FAKE_WAIT_AT=AT) as process:
        until(lambda: waits(job))
        done = another(job).run()
        assert done.status == 1
        assert f"belongs to run {job.record()['run']} on host" in done.errors[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    assert {one.manifest.iteration for one in published(job.url)} == {10, 20, 22}
    assert job.run("--resume").status == 0


def test_numbers_that_a_silent_owner_may_use(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a take-over by heartbeat alone, the number that it may be writing to stays its own."""
    assert job.run(FAKE_FAIL_AT="25").status == 1
    settings = Settings(train_url=str(job.store), resume=True)
    for sure, above in ((False, 0), (True, 3)):
        monkeypatch.setattr(Owner, "claim", lambda owner, take_over, sure=sure: sure)
        with Place(settings, print) as place:
            place.claim()
            assert place.above == above
    (job.store / "7").mkdir()
    (job.store / "7" / "half").write_text("a file")
    with Place(settings, print) as place:
        place.claim()
        assert place.above == 7


def test_without_a_store_there_is_no_claim(job: Job) -> None:
    """Models that stay here are nobody else's."""
    done = job.run("--train-url=")
    assert done.status == 0
    assert not list(Path(job.folder).rglob(OWNER))
