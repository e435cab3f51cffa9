"""The metrics of a run as a table and as a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from caffe_mnist.watch.curves import draw
from caffe_mnist.watch.metrics import Metrics, is_better, judged_by

LOG = """\
I1121 03:19:49.139127  6541 solver.cpp:347] Iteration 0, Testing net (#0)
I1121 03:19:49.403692  6541 solver.cpp:414]     Test net output #0: accuracy = 0.153
I1121 03:19:49.403750  6541 solver.cpp:414]     Test net output #1: loss = 2.33 (* 1 = 2.33 loss)
I1121 03:19:49.458003  6541 solver.cpp:239] Iteration 0 (-nan iter/s, 0s/50 iters), loss = 2.36
I1121 03:19:49.458060  6541 solver.cpp:258]     Train net output #0: loss = 2.36 (* 1 = 2.36 loss)
I1121 03:19:49.458069  6541 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I1121 03:19:51.173645  6541 solver.cpp:239] Iteration 50 (29.15 iter/s, 1.7s/50 iters), loss = 0.3
I1121 03:19:51.173868  6541 sgd_solver.cpp:112] Iteration 50, lr = 0.009
I1121 03:19:53.020414  6541 solver.cpp:347] Iteration 100, Testing net (#0)
I1121 03:19:53.020414  6541 solver.cpp:414]     Test net output #0: accuracy = 0.887
I1121 03:19:53.020414  6541 solver.cpp:347] Iteration 100, Testing net (#1)
I1121 03:19:53.020414  6541 solver.cpp:414]     Test net output #0: accuracy = 0.5
"""


def metrics() -> Metrics:
    """The metrics of the log above."""
    found = Metrics(clock=lambda: 5.0)
    for line in LOG.splitlines():
        found.feed(line)
    return found


def test_a_row_for_each_iteration() -> None:
    """Values stand in the row of their iteration, missing ones are empty."""
    rows = list(csv.DictReader(io.StringIO(metrics().to_csv())))
    assert [row["iteration"] for row in rows] == ["0", "50", "100"]
    assert rows[0]["loss"] == "2.36"
    assert rows[0]["test0_accuracy"] == "0.153"
    assert rows[0]["iterations_per_second"] == ""
    assert rows[1]["iterations_per_second"] == "29.15"
    assert rows[1]["lr"] == "0.009"
    assert rows[1]["test0_accuracy"] == ""
    assert (rows[2]["test0_accuracy"], rows[2]["test1_accuracy"]) == ("0.887", "0.5")


def test_results_are_the_last_values() -> None:
    """What `run.json` says of a run."""
    results = metrics().results()
    assert results["test0_accuracy"] == 0.887
    assert results["loss"] == 0.3
    assert results["iteration"] == 100


def test_outputs_of_several_values_get_a_column_each() -> None:
    """A blob with three values is logged three times under one name."""
    found = Metrics()
    found.feed("I1121 03:19:49.1 1 solver.cpp:347] Iteration 0, Testing net (#0)")
    for index, value in enumerate((0.9, 0.1, 0.2)):
        found.feed(f"I1121 03:19:49.1 1 s.cpp:4]     Test net output #{index}: x = {value}")
    results = {"test0_x": 0.9, "test0_x_1": 0.1, "test0_x_2": 0.2}
    assert found.results() == {"iteration": 0, "test_iteration": 0, **results}


def test_curves_are_a_picture(tmp_path: Path) -> None:
    """A PNG of losses and accuracies."""
    pytest.importorskip("matplotlib")
    assert draw(metrics(), tmp_path / "curves.png", "run")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert draw(Metrics(), tmp_path / "empty.png")


def test_a_table_goes_on(tmp_path: Path) -> None:
    """A resumed run keeps the rows up to where it begins, and counts its seconds on."""
    path = tmp_path / "metrics.csv"
    path.write_text(
        "iteration,seconds,loss,lr,iterations_per_second,test0_accuracy\n"
        "0,1,2.3,0.01,,0.1\n10,5,1.5,,,\n20,9,1.1,,,0.5\n"
    )
    metrics = Metrics.read(path, 10)
    assert sorted(metrics.rows) == [0, 10]
    assert metrics.results()["test0_accuracy"] == 0.1
    assert metrics.results()["test_iteration"] == 0
    metrics.feed("I1121 07:49:13.057656 1 solver.cpp:239] Iteration 15, loss = 0.9")
    assert 5 <= metrics.rows[15]["seconds"] < 6
    assert metrics.to_csv().splitlines()[2] == "10,5,1.5,,,"
    for text in ("", "no table", "iteration,loss\nx,y\n"):
        path.write_text(text)
        assert Metrics.read(path, 10).rows == {}
    assert Metrics.read(tmp_path / "none", 10).rows == {}


@pytest.mark.parametrize(
    ("name", "less"),
    [
        ("test0_accuracy", False),
        ("test0_acc", False),
        ("test0_top-5", False),
        ("test0_detection_eval", False),
        ("test1_loss3/loss3", True),
        ("test0_error", True),
        ("test0_mse", True),
    ],
)
def test_whether_less_is_better(name: str, less: bool) -> None:
    """By the name, as for the best model and wherever runs are compared."""
    assert is_better(name, 1.0, 2.0) is less


def test_what_says_how_good_a_model_is() -> None:
    """An accuracy, else what is like one, else a loss; training's values never do."""
    names = ["loss", "test0_loss", "test0_acc", "test1_accuracy"]
    assert judged_by(names) == "test1_accuracy"
    assert judged_by(names[:3]) == "test0_acc"
    assert judged_by(names[:2]) == "test0_loss"
    assert judged_by(names[:1]) is None
