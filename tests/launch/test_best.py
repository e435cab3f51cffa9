"""The best model beside the final one, and trainings that end when nothing gets better."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist import train
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.best import Best, Record
from caffe_mnist.launch.metric import Metric, parse_early_stop, parse_metric, settle
from tests.fixtures.jobs import Job


@pytest.mark.parametrize(
    ("text", "name", "less"),
    [
        ("accuracy", "accuracy", False),
        ("test1_loss", "test1_loss", True),
        ("min:accuracy", "accuracy", True),
        ("max:loss", "loss", False),
        ("top5/error", "top5/error", True),
    ],
)
def test_metrics(text: str, name: str, less: bool) -> None:
    """A name, and whether less is better, as the name says or as is said before it."""
    assert parse_metric(text) == Metric(name, less)
    assert parse_early_stop(f"{text}:3") == (Metric(name, less), 3)


@pytest.mark.parametrize("text", ["accuracy", "accuracy:", "accuracy:0", ":3", "a b:3", "up:a:3"])
def test_what_is_no_patience(text: str) -> None:
    """One line says what it should be."""
    with pytest.raises(CaffeMnistError, match=r"(?i)metric"):
        parse_early_stop(text)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("accuracy", "test0_accuracy"),
        ("loss", "test0_loss"),
        ("test1_top5", "test1_top5"),
        ("scores_3", "test0_scores_3"),
        ("train_loss", "train_loss"),
        ("lr", "lr"),
    ],
)
def test_which_column_is_meant(text: str, column: str) -> None:
    """The first test net's output goes before the training's value of the same name."""
    outputs = [["accuracy", "loss", "scores"], ["top5"]]
    assert settle(parse_metric(text), outputs, "--best").name == column


def test_a_metric_that_no_test_gives(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is trained, with those that there are."""
    assert train.main(job.command("--early-stop=acuracy:3", caffe="embedded")[3:]) == 2
    said = capsys.readouterr().err
    assert "--early-stop: no test gives 'acuracy' (known: accuracy, loss" in said
    assert settle(parse_metric("loss"), [], "--best").name == "loss"
    with pytest.raises(CaffeMnistError, match="the solver tests nothing"):
        settle(parse_metric("accuracy"), [], "--best")


def test_the_snapshot_that_has_the_weights(tmp_path: Path) -> None:
    """That of the test's iteration; else one is asked for, once, and the next one taken."""
    asked: list[int] = []
    best = Best(Metric("accuracy", False), tmp_path / "x", None, frozenset(),
                ask=lambda: asked.append(1))  # fmt: skip
    for iteration, value in ((0, 0.1), (10, float("nan")), (20, 0.5), (30, 0.4), (40, 0.5)):
        best.hear("test0_accuracy", iteration, value)
        best.hear("test1_accuracy", iteration, 1.0)
    assert (best.look(), best.look(), asked) == (False, False, [1])
    for kind in ("caffemodel", "solverstate"):
        (tmp_path / f"x_iter_21.{kind}").write_bytes(b"")
    assert best.look()
    assert best.record == Record("test0_accuracy", 0.5, 20, 21, since=2)
    assert Record.from_json((tmp_path / "best.json").read_bytes()) == best.record
    assert Record.from_json(b"{}") is Record.from_json(b"[") is None


def test_best_beside_final_and_an_early_end(job: Job) -> None:
    """No retention takes it; the training ends as one that succeeded; a resume knows it."""
    arguments = ("--early-stop=accuracy:2", "--keep=1", "--keep-local=1", "--set=max_iter=900")
    done = job.run(*arguments, FAKE_PEAK="20", FAKE_PACE="0.05")
    assert done.status == 0, done.stderr
    assert any("has not been better than 1 (iteration 20) in " in line
               for line in done.said)  # fmt: skip
    found = job.snapshots()
    assert found["best"] == 20
    assert 40 <= found["final"] < 900
    assert len(found) == 3
    best = json.loads((job.store / "best" / "best.json").read_text())
    assert (best["metric"], best["value"], best["iteration"]) == ("test0_accuracy", 1.0, 20)
    assert "lenet_deploy.prototxt" in {path.name for path in (job.store / "best").iterdir()}
    assert job.record()["best_model"]["iteration"] == 20
    again = job.run(*arguments, "--resume", "--set=max_iter=800", FAKE_PEAK="20", FAKE_PACE="0.05")
    assert again.status == 0, again.stderr
    assert job.snapshots()["best"] == 20
