"""Losses that are no numbers end a job, before they become its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.launch.divergence import Divergence, is_finite, last_good
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary
from caffe_mnist.storage.pairs import Pair
from caffe_mnist.watch.log import read_line
from tests.fixtures.jobs import Job

HEAD = "I1120 22:48:49.121243 16156 solver.cpp:"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("239] Iteration 7 (4 iter/s, 2s/1 iters), loss = nan", "the loss is nan at iteration 7"),
        ("239] Iteration 7 (4 iter/s, 2s/1 iters), loss = -nan", "the loss is nan at iteration 7"),
        ("239] Iteration 7, loss = inf", "the loss is inf at iteration 7"),
        ("239] Iteration 7 (4 iter/s, 2s/1 iters), loss = 87.3365", ""),
        (
            "258]     Train net output #1: loss2 = -inf (* 0.3 = -inf loss)",
            "loss2 of the train net",
        ),
        ("414]     Test net output #0: loss = nan (* 1 = nan loss)", "loss of the test net is nan"),
        ("414]     Test net output #0: accuracy = nan", ""),
    ],
)
def test_what_is_heard_of_it(line: str, found: str) -> None:
    """Losses as displayed, and outputs that weigh in the loss; not an accuracy of nothing."""
    listening = Divergence(5)
    before = f"{HEAD}347] Iteration 6, Testing net (#0)"
    listening.see(before, read_line(before))
    listening.see(HEAD + line, read_line(HEAD + line))
    assert listening.found.startswith(found)
    assert bool(listening.found) == bool(found)


def test_the_test_before_the_first_iteration() -> None:
    """BatchNorm has no statistics yet, so that nets made of it say nan there and learn well."""
    listening = Divergence(5)
    for line in (
        "347] Iteration 5, Testing net (#0)",
        "414]     Test net output #0: loss = nan (* 1 = nan loss)",
    ):
        listening.see(HEAD + line, read_line(HEAD + line))
    assert not listening.found
    line = "258]     Train net output #0: loss = nan (* 1 = nan loss)"
    listening.see(HEAD + line, read_line(HEAD + line))
    assert "loss of the train net is nan" in listening.found


def test_the_last_good_snapshot(tmp_path: Path) -> None:
    """The newest whose weights are all numbers; damaged ones are passed over."""
    pairs = []
    for number, value in enumerate([1.0, 2.0, float("nan"), float("inf")]):
        path = tmp_path / f"x_iter_{number}.caffemodel"
        net = caffe_pb2.NetParameter()
        net.layer.add(name="ip").blobs.add(data=[0.0, value]).shape.dim.append(2)
        write_binary(path, net)
        pairs.append(Pair(number, path, path, ()))
    (tmp_path / "x_iter_9.caffemodel").write_bytes(b"\xff")
    pairs.append(Pair(9, tmp_path / "x_iter_9.caffemodel", tmp_path, ()))
    assert last_good(pairs, 9) == pairs[1]
    assert last_good(pairs, 0) == pairs[0]
    assert [is_finite(pair.weights) for pair in pairs] == [True, True, False, False, False]


def test_a_job_ends_with_the_last_good_snapshot_named(job: Job) -> None:
    """Non-zero, no `final`, and the snapshots before it are in the store; or on, if so asked."""
    done = job.run("--set=max_iter=40", FAKE_NAN_AT="25")
    assert done.status == 1
    assert "the loss is nan at iteration 25: ended (--stop-on-nan)" in done.errors[0]
    assert "the last good snapshot is " in done.errors[0]
    assert "_iter_20.solverstate" in done.errors[0]
    assert set(job.snapshots().values()) >= {10, 20}
    assert "final" not in job.snapshots()
    assert job.record()["status"] == "failed"
    done = job.run("--resume", "--no-stop-on-nan", "--set=max_iter=40", FAKE_NAN_AT="25")
    assert (done.status, job.snapshots()["final"]) == (0, 40)
