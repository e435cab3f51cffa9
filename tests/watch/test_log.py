"""Caffe's log lines as values."""

from __future__ import annotations

import pytest

from caffe_mnist.watch import log
from caffe_mnist.watch.log import (
    Display,
    Finished,
    Output,
    Rate,
    Snapshot,
    level,
    read_line,
)

HEAD = "I1120 22:48:49.121243 16156 "


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            "solver.cpp:239] Iteration 200 (42.4088 iter/s, 2.358s/100 iters), loss = 0.172443",
            Display(200, 0.172443, 42.4088),
        ),
        (
            "solver.cpp:239] Iteration 0 (-2.05514e+35 iter/s, 0.322s/50 iters), loss = 2.36278",
            Display(0, 2.36278, None),
        ),
        ("solver.cpp:228] Iteration 200, loss = 0.17", Display(200, 0.17, None)),
        (
            "solver.cpp:271] Iteration 20 (6.9 iter/s, 2.8s/20 iter), 12.3/60ep, loss = 1.25",
            Display(20, 1.25, 6.9),
        ),
        ("solver.cpp:275] Iteration 0 (0.53 s), loss = 2.5", Display(0, 2.5, None)),
        ("solver.cpp:228] [1] Iteration 20, loss = 0.17", Display(20, 0.17, None)),
        ("sgd_solver.cpp:9] [0.0] Iteration 20, lr = 0.02, m = 0.9, wd = 5e-4", Rate(20, 0.02)),
        ("solver.cpp:258] [0.0] Train net output #0: l = 1.2", Output("train", 0, "l", 1.2)),
        ("solver.cpp:327] Iteration 1000, loss = 1.5e-05", Display(1000, 1.5e-05, None)),
        ("sgd_solver.cpp:112] Iteration 600, lr = 0.0095724", Rate(600, 0.0095724)),
        ("solver.cpp:347] Iteration 1000, Testing net (#1)", log.Testing(1000, 1)),
        (
            "solver.cpp:414]     Test net output #0: accuracy = 0.9807",
            Output("test", 0, "accuracy", 0.9807),
        ),
        (
            "solver.cpp:258]     Train net output #1: my/loss = 0.11 (* 0.5 = 0.055 loss)",
            Output("train", 1, "my/loss", 0.11),
        ),
        (
            "solver.cpp:464] Snapshotting to binary proto file /a b/p_iter_10.caffemodel",
            Snapshot("/a b/p_iter_10.caffemodel"),
        ),
        (
            "sgd_solver.cpp:284] Snapshotting solver state to HDF5 file p.solverstate.h5",
            Snapshot("p.solverstate.h5"),
        ),
        ("solver.cpp:332] Optimization Done.", Finished(early=False)),
        ("solver.cpp:311] Optimization stopped early.", Finished(early=True)),
        ("caffe.cpp:250] Optimization Done.", None),
        ("net.cpp:124] Setting up conv1", None),
    ],
)
def test_lines_that_matter(line: str, event: object) -> None:
    """Each line that says something is read; the others are left."""
    assert read_line(HEAD + line + "\n") == event


@pytest.mark.parametrize("line", ["", "\n", "layer {", "Iteration 5, loss = 1", "I1120 x] y"])
def test_other_lines(line: str) -> None:
    """Text without glog's prefix is no event."""
    assert read_line(line) is None


def test_losses_that_are_no_numbers() -> None:
    """nan and inf are values too."""
    event = read_line(HEAD + "solver.cpp:327] Iteration 10, loss = nan")
    assert isinstance(event, Display)
    assert event.loss != event.loss
    assert read_line(HEAD + "solver.cpp:327] Iteration 10, loss = -inf") == Display(
        10, float("-inf"), None
    )


def test_levels() -> None:
    """The letter of a line."""
    assert level("F1120 22:48:49.121243 16156 layer.hpp:392] Check failed") == "F"
    assert level("    @ 0x7f caffe::Net") is None
