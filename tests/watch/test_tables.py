"""Caffe's log as tables."""

from __future__ import annotations

import math

from caffe_mnist.watch.tables import Clock, LogTables

LOG = """
I1231 23:59:58.500000  7 solver.cpp:45] Initializing solver from parameters:
I1231 23:59:59.000000  7 solver.cpp:288] Solving LeNet
I1231 23:59:59.250000  7 solver.cpp:347] Iteration 0, Testing net (#0)
no line of a log, with loss = 3
I1231 23:59:59.500000  7 solver.cpp:414]     Test net output #0: accuracy = 0.1
I1231 23:59:59.500000  7 solver.cpp:347] Iteration 0, Testing net (#1)
I1231 23:59:59.500000  7 solver.cpp:414]     Test net output #0: accuracy = 0.2
I0101 00:00:01.000000  7 solver.cpp:239] Iteration 0 (0 iter/s, 2s/10 iters), loss = 2.5
I0101 00:00:01.000000  7 solver.cpp:258]     Train net output #0: each = 1
I0101 00:00:01.000000  7 solver.cpp:258]     Train net output #1: each = 2
I0101 00:00:01.000000  7 solver.cpp:258]     Train net output #2: loss = 2.25 (* 1 = 2.25 loss)
I0101 00:00:01.000000  7 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I0101 00:00:04.000000  7 solver.cpp:239] Iteration 10 (3 iter/s, 3s/10 iters), loss = nan
I0101 00:00:04.000000  7 solver.cpp:258]     Train net output #2: loss = -nan (* 1 = -nan loss)
I0101 00:00:04.000000  7 sgd_solver.cpp:112] Iteration 10, lr = 0.005
I0101 00:00:05.000000  7 solver.cpp:347] Iteration 15, Testing net (#0)
I0101 00:00:05.000000  7 solver.cpp:414]     Test net output #0: accuracy = 0.9
"""


def tables(text: str = LOG) -> LogTables:
    """The tables of a log."""
    found = LogTables()
    for line in text.splitlines():
        found.feed(line)
    return found


def test_train_outputs_have_a_row_an_iteration() -> None:
    """Values of one blob have columns of their own; the rate is that of the row's iteration."""
    table = tables().train
    assert table.columns == ["NumIters", "Seconds", "LearningRate", "each", "each_1", "loss"]
    assert list(table.rows[0].values()) == [0, 2, 0.01, 1, 2, 2.25]
    assert table.rows[1]["LearningRate"] == 0.005
    assert math.isnan(table.rows[1]["loss"])
    assert table.to_csv().splitlines()[2] == "10,5,0.005,,,nan"


def test_test_outputs_have_a_row_a_test() -> None:
    """A second net has columns of its own; before the first rate counts that, later the last."""
    assert tables().test.to_csv(";").splitlines() == [
        "NumIters;Seconds;LearningRate;accuracy;accuracy_net1",
        "0;0.5;0.01;0.1;0.2",
        "15;6;0.005;0.9;",
    ]


def test_a_resumed_run_begins_a_new_row() -> None:
    """An iteration that comes twice in one log gives two rows."""
    table = tables(LOG + LOG).train
    assert [row["NumIters"] for row in table.rows] == [0, 10, 0, 10]


def test_the_clock_starts_when_solving_begins() -> None:
    """It goes on over New Year and 29 February, and stands still at what is no line of a log."""
    clock = Clock()
    assert clock.feed("I0228 23:59:50.0 7 solver.cpp:288] Solving net") == 0
    assert clock.feed("I0229 00:00:10.500000 7 solver.cpp:1] x") == 20.5
    assert clock.feed("nothing") == 20.5
    assert clock.feed("I1399 00:00:10.5 7 solver.cpp:1] x") == 20.5
    assert clock.feed("I1231 00:00:00.0 7 solver.cpp:1] x") == 306 * 86400 + 10
    assert clock.feed("I0101 00:00:00.0 7 solver.cpp:1] x") == 307 * 86400 + 10


def test_a_glog_that_writes_the_year_is_read_too() -> None:
    """Newer releases begin their lines with eight digits."""
    text = LOG.replace("I1231", "I20201231").replace("I0101", "I20210101")
    assert tables(text).train.to_csv() == tables().train.to_csv()
