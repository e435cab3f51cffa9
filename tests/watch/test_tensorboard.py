"""TensorBoard's own page on the events of two runs, in a real browser."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_mnist.watch.events import Events
from tests.fixtures.jobs import until

pytest.importorskip("tensorboard")
SERVE = """
import sys
from tensorboard import program
board = program.TensorBoard()
board.configure(argv=["tensorboard", "--logdir", sys.argv[1], "--port", "0", "--load_fast=false"])
print(board.launch(), flush=True)
sys.stdin.read()
"""


def _run(folder: Path, offset: float) -> None:
    events = Events(folder / "events")
    for iteration in (0, 10, 20):
        events.value("loss", iteration, 2.0 + offset - iteration / 20)
        events.value("test0_accuracy", iteration, iteration / 40 + offset)
    events.histogram("conv1/0", 20, np.linspace(-1, 1, 50, dtype=np.float32))
    events.close()


def test_two_runs_beside_each_other(tmp_path: Path, browser: Any) -> None:
    """Both in the list of runs, with a card for each tag; the weights among the histograms."""
    _run(tmp_path / "first", 0.0)
    _run(tmp_path / "second", 0.2)
    board = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert board.stdout is not None
        url = f"http://127.0.0.1:{board.stdout.readline().strip().rstrip('/').rpartition(':')[2]}/"

        def told(path: str) -> str:
            with urllib.request.urlopen(url + path, timeout=60) as answer:
                return str(answer.read().decode())

        until(lambda: "second/events" in told("data/runs"))
        until(lambda: "weights/conv1/0" in told("data/plugin/histograms/tags"))
        browser.set_window_size(1300, 1000)
        browser.get(f"{url}#timeseries")

        def shown() -> bool:
            text = str(browser.find_element("tag name", "body").text).replace("\n/", "/")
            wanted = ("first/events", "second/events", "test0/accuracy", "train/loss")
            return all(word in text for word in wanted)

        until(shown)
    finally:
        board.kill()
        board.wait()
