"""A training that begins anew where an earlier one lies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from caffe_mnist.storage.begun import BEGUN, Begun
from caffe_mnist.storage.newest import read_pointer
from caffe_mnist.storage.survey import newest
from tests.fixtures.jobs import Job, until
from tests.launch.test_resume import flags, state


@pytest.fixture
def trained(job: Job) -> Job:
    """A job that came to its end: iterations 10, 20 and 30, here and in the store."""
    assert job.run().status == 0
    begun = Begun.from_json((job.store / BEGUN).read_bytes(), "")
    assert begun == Begun(training=job.record()["run"])
    return job


def test_the_new_one_is_gone_on_with(trained: Job) -> None:
    """Not the earlier one, though that was further; which stays as it was."""
    again = trained.run(FAKE_FAIL_AT="15")
    assert again.status != 0
    assert f"{trained.store} holds an earlier training, as far as iteration 30" in again.stderr
    assert trained.snapshots() == {"1": 10, "2": 20, "3": 30, "4": 10, "final": 30}
    pointed = read_pointer(str(trained.store))
    assert pointed is not None
    assert (pointed.folder, newest(str(trained.store))) == ("4", pointed)
    resumed = trained.run("--resume")
    assert resumed.status == 0
    assert "earlier training" not in resumed.stderr
    assert flags(trained) == ["-snapshot", state(trained, 10)]
    assert list(trained.snapshots().values()) == [10, 20, 30, 10, 20, 30, 30]


def test_also_on_another_machine(trained: Job) -> None:
    """Where nothing of either is on the disk."""
    assert trained.run(FAKE_FAIL_AT="15").status != 0
    shutil.rmtree(trained.model)
    assert trained.run("--resume").status == 0
    assert flags(trained) == ["-snapshot", state(trained, 10)]


def test_also_before_its_first_snapshot(trained: Job) -> None:
    """Killed at once, it begins once more: the earlier one is not what was asked for."""
    with trained.started(FAKE_WAIT_AT="5"):
        until(lambda: "Iteration 5" in trained.log())
    assert trained.run("--resume").status == 0
    assert flags(trained) == []
    assert trained.snapshots()["final"] == 30


def test_without_a_store(trained: Job) -> None:
    """The disk alone tells them apart, too."""
    assert trained.run("--train-url=", FAKE_FAIL_AT="15").status != 0
    assert trained.run("--train-url=", "--resume").status == 0
    assert flags(trained) == ["-snapshot", state(trained, 10)]


def test_a_place_that_was_emptied(trained: Job) -> None:
    """What the note said of it is over."""
    assert trained.run().status == 0
    assert Begun.from_json((trained.store / BEGUN).read_bytes(), "").above == 3
    for folder in ("1", "2", "3", "4", "5", "6", "final"):
        shutil.rmtree(trained.store / folder)
    shutil.rmtree(trained.model)
    assert trained.run(FAKE_FAIL_AT="25").status != 0
    run = trained.record()["run"]
    assert Begun.from_json((trained.store / BEGUN).read_bytes(), "") == Begun(training=run)
    assert trained.run("--resume").status == 0
    assert flags(trained) == ["-snapshot", state(trained, 20)]


def test_an_earlier_one_by_its_name(trained: Job) -> None:
    """It may be asked for."""
    assert trained.run(FAKE_FAIL_AT="15").status != 0
    name = f"{trained.store}/2/{Path(state(trained, 20)).name}"
    assert trained.run(f"--snapshot={name}").status == 0
    assert flags(trained)[0] == "-snapshot"
    assert trained.record()["start"] == f"from {name}"


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}', '{"version": 1, "above": -1}'])
def test_a_note_that_is_none(trained: Job, content: str) -> None:
    """One line says which file, and what to do."""
    (trained.store / BEGUN).write_text(content)
    done = trained.run("--resume")
    assert done.status == 2
    assert len(done.errors) == 1
    assert BEGUN in done.errors[0]
    assert "remove it" in done.errors[0]


def test_it_is_read_as_it_was_written() -> None:
    """With and without a final model; a newer release's is refused."""
    final = (30, "2026-01-31T12:00:00Z")
    for one in (Begun(), Begun(7), Begun(7, final), Begun(7, final, "20260131-120000-1a2b3c")):
        assert Begun.from_json(one.to_json(), "") == one
    with pytest.raises(Exception, match="of version 2"):
        Begun.from_json(json.dumps({"version": 2, "above": 1}).encode(), "")
