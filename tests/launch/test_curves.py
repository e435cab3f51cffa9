"""Curves of a job: TensorBoard's events on the disk and in the store, for any trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.jobs import Job

pytest.importorskip("tensorboard")

from tests.watch.test_events import read

pytestmark = pytest.mark.events


def test_every_run_leaves_its_curves(job: Job) -> None:
    """While it runs on the disk, with the snapshots in the store; each value of its log."""
    done = job.run()
    assert done.status == 0, done.stderr
    for folder in (job.model / "events", job.store / "events"):
        found = read(folder)
        assert [one.step for one in found.Scalars("train/loss")] == [0, 5, 10, 15, 20, 25]
        accuracies = [one.value for one in found.Scalars("test0/accuracy")]
        assert accuracies == pytest.approx([0, 1 / 3, 2 / 3, 0.99])
        assert found.Scalars("train/learning_rate")[0].value == pytest.approx(0.01)


def test_a_resumed_run_goes_on(job: Job) -> None:
    """Its curve has no gap and nothing twice; a run that begins anew has none of the old one."""
    assert job.run("--set=max_iter=20").status == 0
    assert job.run("--snapshot=auto").status == 0
    steps = [one.step for one in read(job.model / "events").Scalars("train/loss")]
    assert steps == [0, 5, 10, 15, 20, 25]
    assert job.run("--set=max_iter=10").status == 0
    assert len(list((job.model / "events").iterdir())) == 1
    steps = [one.step for one in read(job.model / "events").Scalars("train/loss")]
    assert steps == [0, 5]


def test_histograms_of_the_weights(job: Job) -> None:
    """Of each blob at each snapshot, by the engine's files as by real Caffe's."""
    pytest.importorskip("torch")
    done = job.run("--histograms", "--set=test_iter=1", caffe="embedded")
    assert done.status == 0, done.stderr
    found = read(job.model / "events")
    (kernels,) = {one.histogram_value.num for one in found.Histograms("weights/conv1/0")}
    assert kernels == 20 * 5 * 5
    assert 30 in [one.step for one in found.Histograms("weights/ip2/1")]


def test_a_disk_that_takes_no_events(job: Job, tmp_path: Path) -> None:
    """The training goes on; one line says why there are no curves."""
    job.model.mkdir()
    (job.model / "events").write_text("in the way")
    done = job.run()
    assert done.status == 0
    assert sum("no more events" in line for line in done.said) == 1
