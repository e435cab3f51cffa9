"""The state of a run, read from its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from caffe_mnist.dashboard.curve import MOST_POINTS
from caffe_mnist.dashboard.state import MOST_ROWS, MOST_SNAPSHOTS, RunState
from tests.fixtures.jobs import until
from tests.watch.test_metrics import LOG


def _run(folder: Path) -> RunState:
    (folder / "train.log").write_text("max_iter: 200\n" + LOG)
    return RunState(folder, store="s3://bucket/run")


def test_progress_and_curves(tmp_path: Path) -> None:
    """Iteration, total, speed and time left; the points of each curve."""
    state = _run(tmp_path)
    state.look()
    found = state.to_dict()
    assert (found["iteration"], found["total"]) == (100, 200)
    assert found["curves"]["loss"]["loss"] == [(0, 2.36), (50, 0.3)]
    assert found["curves"]["test"]["test1_accuracy"] == [(100, 0.5)]
    assert found["speed"] > 20
    assert found["log"][-1].endswith("accuracy = 0.5")
    assert not found["can_act"]


def test_a_log_of_any_caffe(tmp_path: Path) -> None:
    """Without a record of a run the log itself says whether the training came to its end."""
    state = _run(tmp_path)
    state.look()
    assert state.to_dict()["status"] == "unknown"
    with (tmp_path / "train.log").open("a") as log:
        log.write("I0612 10:00:09.000000 1 solver.cpp:332] Optimization Done.\n")
    state.look()
    assert state.to_dict()["status"] == "finished"


def test_the_log_is_followed(tmp_path: Path) -> None:
    """What is written later is seen later; half a line is not; a new log begins anew."""
    lines = LOG.splitlines(keepends=True)
    log = tmp_path / "train.log"
    log.write_text("".join(lines[:6]) + lines[6][:20])
    state = RunState(tmp_path)
    state.look()
    assert sorted(state.metrics.rows) == [0]
    with log.open("a") as file:
        file.write(lines[6][20:])
    state.look()
    assert sorted(state.metrics.rows) == [0, 50]
    log.unlink()
    log.write_text(lines[8] + lines[9])
    state.look()
    assert 100 in state.metrics.rows


def test_snapshots_and_where_they_are(tmp_path: Path) -> None:
    """Newest first; safe only when the uploader said so, and no longer when it was removed."""
    state = _run(tmp_path)
    for iteration in (50, 100):
        for kind in ("caffemodel", "solverstate"):
            (tmp_path / f"x_iter_{iteration}.{kind}").write_bytes(bytes(500))
    events = tmp_path / "uploads.jsonl"
    events.write_text(
        json.dumps({"event": "published", "iteration": 50, "url": "s3://bucket/run/1"})
        + '\n{"event": "failed", "iteration": 100}\nno json\n{"event": "publ'
    )
    state.look()
    found = state.to_dict()["snapshots"]
    assert [(one["iteration"], one["safe"]) for one in found] == [
        (100, None), (50, "s3://bucket/run/1"),
    ]  # fmt: skip
    assert found[0]["bytes"] == 1000
    with events.open("a") as file:
        file.write('ished", "iteration": 100, "url": "u"}\n{"event": "removed", "iteration": 50}\n')
    state.look()
    assert [one["safe"] for one in state.to_dict()["snapshots"]] == ["u", None]


def _displayed(iterations: range) -> str:
    head = "I0612 10:00:00.100000 1 solver.cpp:239] Iteration"
    return "".join(f"{head} {n} (10 iter/s, 1s/10 iters), loss = {n}\n" for n in iterations)


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    """No more points than a screen shows, the last one always; nor do the rows fill memory."""
    (tmp_path / "train.log").write_text(_displayed(range(5000)))
    state = RunState(tmp_path)
    state.look()
    points = state.to_dict()["curves"]["loss"]["loss"]
    assert MOST_POINTS // 2 < len(points) <= MOST_POINTS + 1
    assert points[-1] == (4999, 4999.0)
    assert len(state.metrics.rows) <= MOST_ROWS + 1


def test_a_resumed_training_draws_over_what_was_lost(tmp_path: Path) -> None:
    """Beyond the snapshot nothing is left of the killed part."""
    log = tmp_path / "train.log"
    log.write_text(_displayed(range(0, 100, 10)))
    state = RunState(tmp_path)
    state.look()
    with log.open("a") as file:
        file.write(_displayed(range(50, 70, 10)))
    state.look()
    found = state.to_dict()
    assert [n for n, _ in found["curves"]["loss"]["loss"]] == [0, 10, 20, 30, 40, 50, 60]
    assert found["iteration"] == 60


def test_thousands_of_snapshots_are_counted(tmp_path: Path) -> None:
    """The newest are listed, with their sizes; of the others the page says how many."""
    state = _run(tmp_path)
    for iteration in range(MOST_SNAPSHOTS + 5):
        (tmp_path / f"x_iter_{iteration}.caffemodel").write_bytes(b"12")
    found = state.to_dict()
    assert len(found["snapshots"]) == MOST_SNAPSHOTS
    assert found["snapshots_more"] == 5
    assert found["snapshots"][0]["iteration"] == MOST_SNAPSHOTS + 4
    assert found["snapshots"][0]["bytes"] == 2


def test_a_process_that_waits_is_paused(tmp_path: Path) -> None:
    """Running, paused, running, gone."""
    process = subprocess.Popen(["sleep", "60"])
    try:
        state = RunState(tmp_path, trainer=process.pid)
        assert state.running()
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: state.to_dict()["status"] == "paused")
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: not state.paused())
    finally:
        process.kill()
        process.wait()
    assert not state.running()
    assert not RunState(tmp_path).running()
