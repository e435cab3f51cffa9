"""Logs of Caffe: tables and metrics of them."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist import parse_log
from caffe_mnist.watch.metrics import Metrics
from tests.fuzz.targets import command

LOG = """\
Log file created at: 2026/11/21 10:00:00
I1121 10:00:00.000001  7 solver.cpp:45] Initializing solver from parameters:
max_iter: 20
I1121 10:00:01.000001  7 solver.cpp:347] Iteration 0, Testing net (#0)
I1121 10:00:02.000001  7 solver.cpp:414]     Test net output #0: accuracy = 0.1
I1121 10:00:02.000001  7 solver.cpp:414]     Test net output #1: loss = 2.3 (* 1 = 2.3 loss)
I1121 10:00:03.000001  7 solver.cpp:239] Iteration 0 (-1 iter/s, 0s/10 iters), loss = 2.3
I1121 10:00:03.000001  7 solver.cpp:258]     Train net output #0: loss = nan (* 1 = nan loss)
I1121 10:00:03.000001  7 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I1231 23:59:59.000001  7 solver.cpp:239] Iteration 10 (5.1e2 iter/s, 2s/10 iters), loss = 1e30
"""


def seeds() -> list[bytes]:
    """One log."""
    return [LOG.encode()]


def run(data: bytes) -> None:
    """Parse it as the command and as the launcher do."""
    Path("log").write_bytes(data)
    command(parse_log.main, "log", "out")
    metrics = Metrics()
    for line in data.decode("utf-8", "replace").splitlines():
        metrics.feed(line)
