"""A machine that is not the first of several, and comes when there is nothing left to do."""

from __future__ import annotations

from tests.fixtures.jobs import Job


def test_one_that_comes_back_after_the_end_is_done(job: Job) -> None:
    """Nobody keeps the meeting any more; without the store it would wait for a quarter of an hour.

    A store without the end says nothing of the kind.
    """
    assert job.run().status == 0
    place = ("--nodes=2", "--rdzv=localhost:9", "--node-rank=1", "--rdzv-conf=timeout=1")
    late = (*place, f"--model-local-path={job.folder / 'late'}")
    done = job.run(*late, "--resume", caffe="embedded")
    assert done.status == 0, done.stderr
    assert "the training is in the store up to its end: nothing to train" in done.stderr
    assert "meets at localhost:9" in done.stderr
    done = job.run(*late, "--resume", "--set=max_iter=40", caffe="embedded")
    assert done.status == 134, done.stderr
    assert "cannot reach localhost:9, where the first machine keeps the meeting" in done.stderr
