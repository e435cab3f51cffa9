"""Trials: what their records say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.trials.dataset import with_last_test
from caffe_mnist.trials.trial import Trial, last_error, metric_of, read_trial

RESULTS = {"iteration": 9.0, "loss": 0.3, "test0_loss": 0.4, "test0_accuracy": 0.9}


def test_a_trial_is_found_again(tmp_path: Path) -> None:
    """What `begin` notes is what `read_trial` reads; half a file is no trial."""
    trial = Trial(3, {"base_lr": "0.1"}, tmp_path / "0003")
    trial.begin()
    assert read_trial(trial.folder) == trial
    (trial.folder / "trial.json").write_text('{"number": 3')
    assert read_trial(trial.folder) is None


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ({"status": "succeeded", "results": RESULTS, "timings": {"train": 2.0}}, ""),
        ({"status": "succeeded", "results": {"loss": float("nan")}}, "the loss became nan"),
        ({"status": "failed", "notes": ["a note", "the reason"]}, "the reason"),
    ],
)
def test_outcome(tmp_path: Path, record: dict[str, object], fault: str) -> None:
    """The results of a run that ended well; the reason of one that did not."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "run.json").write_text(json.dumps(record))
    (tmp_path / "model" / "x_iter_12.caffemodel").touch()
    outcome = Trial(0, {}, tmp_path).outcome()
    assert outcome is not None
    assert outcome.fault == fault
    assert outcome.iterations == 12
    if not fault:
        assert (outcome.results, outcome.seconds) == (RESULTS, 2.0)


def test_a_run_that_was_stopped_has_no_outcome(tmp_path: Path) -> None:
    """It is to be run again."""
    (tmp_path / "model").mkdir()
    for status in ("stopped", "running"):
        (tmp_path / "model" / "run.json").write_text(json.dumps({"status": status}))
        assert Trial(0, {}, tmp_path).outcome() is None


def test_metric() -> None:
    """An accuracy if there is one, else a loss; or what is asked for, with or without the net."""
    assert metric_of(RESULTS, None) == "test0_accuracy"
    assert metric_of({"loss": 1.0, "test0_loss": 2.0}, None) == "test0_loss"
    assert metric_of({"loss": 1.0}, None) == "loss"
    assert metric_of(RESULTS, "loss") == "loss"
    assert metric_of(RESULTS, "accuracy") == "test0_accuracy"
    with pytest.raises(CaffeMnistError, match="there are: loss, test0_loss, test0_accuracy"):
        metric_of(RESULTS, "f1")
    assert metric_of({"test0_loss": 1.0, "test0_acc": 0.5}, None) == "test0_acc"


def test_last_error(tmp_path: Path) -> None:
    """The reason of a run without a record is the last error line of its output."""
    (tmp_path / "output.log").write_text("x: error: first\nx: error: second\nmore\n")
    assert last_error(tmp_path) == "second"
    (tmp_path / "output.log").write_text("only this\n")
    assert last_error(tmp_path) == "only this"


@pytest.mark.parametrize(
    ("last", "every", "interval"),
    [(1000, 500, None), (122, 50, "122"), (1500, 1000, "750"), (60, 1000, "60"), (100, 0, None)],
)
def test_the_last_iteration_is_tested(
    tmp_path: Path, last: int, every: int, interval: str | None
) -> None:
    """What is compared is the trained net, not the net some iterations before."""
    solver = tmp_path / "solver.prototxt"
    solver.write_text(f'net: "net.prototxt"\ntest_interval: {every}\nmax_iter: 7\n')
    values = {"max_iter": str(last)}
    expected = {**values, "test_interval": interval} if interval else values
    assert with_last_test(solver, values) == expected


def test_the_last_iteration_is_displayed(tmp_path: Path) -> None:
    """A loss that is compared is that of the trained net, too."""
    solver = tmp_path / "solver.prototxt"
    solver.write_text('net: "net.prototxt"\ndisplay: 100\nmax_iter: 7\n')
    assert with_last_test(solver, {}) == {"display": "7"}
    assert with_last_test(solver, {"max_iter": "150"}) == {"max_iter": "150", "display": "75"}
    assert with_last_test(solver, {"max_iter": "200"}) == {"max_iter": "200"}
