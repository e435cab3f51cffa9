"""The command that turns logs into tables, over logs of real Caffe and of ours."""

from __future__ import annotations

import csv
import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist.parse_log import main

ROOT = Path(__file__).parents[1]
ENGINE = (sys.executable, "-m", "caffe_mnist.caffe")
NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 3 } shape { dim: 4 } data_filler { type: "uniform" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" top: "each"
  include { phase: TEST } }
"""
SOLVER = """
net: "net.prototxt" base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 20 display: 10 max_iter: 50
test_iter: 2 test_interval: 25 solver_mode: CPU random_seed: 3 snapshot_after_train: false
"""


def train(command: tuple[object, ...], folder: Path, name: str) -> Path:
    """The log of one small training."""
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(SOLVER)
    words = [*map(str, command), "train", "-solver", "solver.prototxt"]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    (folder / name).write_text(done.stderr)
    return folder / name


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parity
def test_logs_of_both_give_the_same_tables(real_caffe: Path, tmp_path: Path) -> None:
    """The same columns, iterations, rates and (from one seed) values."""
    real = train((real_caffe / "caffe",), tmp_path, "real.log")
    ours = train(ENGINE, tmp_path, "ours.log")
    out = tmp_path / "tables"
    for log in (real, ours):
        assert main([str(log), str(out)]) == 0
    for phase in ("train", "test"):
        one, other = (rows(out / f"{name}.log.{phase}") for name in ("real", "ours"))
        assert len(one) == len(other) == (5 if phase == "train" else 3)
        for theirs, mine in zip(one, other):
            assert list(theirs) == list(mine)
            assert float(mine.pop("Seconds")) >= 0
            theirs.pop("Seconds")
            values = {name: float(value) for name, value in theirs.items()}
            found = {name: float(value) for name, value in mine.items()}
            assert found == pytest.approx(values, rel=1e-4, nan_ok=True)
    assert [row["LearningRate"] for row in rows(out / "ours.log.train")] == [
        "0.1", "0.1", "0.05", "0.05", "0.025"
    ]  # fmt: skip
    assert {"each", "each_1", "each_4"} < set(rows(out / "ours.log.test")[0])


LOG = """
I1120 22:48:49.121243 16156 solver.cpp:239] Iteration 0 (0 iter/s, 1s/10 iters), loss = 2
I1120 22:48:49.121243 16156 solver.cpp:258]     Train net output #0: loss = 2
"""


def test_curves_are_drawn(tmp_path: Path) -> None:
    """`--plot` writes a PNG besides."""
    pytest.importorskip("matplotlib")
    (tmp_path / "log").write_text(LOG)
    plot = tmp_path / "curves.png"
    assert main([str(tmp_path / "log"), str(tmp_path), "--plot", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_any_bytes_may_be_in_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no text is passed over; a delimiter can be chosen."""
    (tmp_path / "log").write_bytes(b"\xff\xfe\n" + LOG.encode())
    assert main([str(tmp_path / "log"), str(tmp_path / "a/b"), "--delimiter", ";"]) == 0
    assert re.search(r"log\.train: 1 rows\n.*log\.test: 0 rows\n", capsys.readouterr().out)
    text = (tmp_path / "a/b/log.train").read_text()
    assert text == "NumIters;Seconds;LearningRate;loss\n0;0;nan;2\n"


def test_a_log_that_rotation_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Gzip is unpacked, whatever the name; one that ends too early is said to."""
    (tmp_path / "log.1").write_bytes(gzip.compress(LOG.encode()))
    assert main([str(tmp_path / "log.1"), str(tmp_path)]) == 0
    assert "log.1.train: 1 rows" in capsys.readouterr().out
    (tmp_path / "log.2.gz").write_bytes(gzip.compress(LOG.encode())[:-9])
    assert main([str(tmp_path / "log.2.gz"), str(tmp_path)]) == 2
    assert "log.2.gz: is cut short or broken" in capsys.readouterr().err


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No log, no training in it, a bad delimiter, a folder that is a file: status 2."""
    (tmp_path / "empty").write_text("hello\n")
    (tmp_path / "log").write_text(LOG)
    log = str(tmp_path / "log")
    calls = (
        ["/nowhere", "."],
        [str(tmp_path / "empty"), "."],
        [log, ".", "--delimiter", "ab"],
        [log, log],
        [log],
    )
    assert [main(call) for call in calls] == [2] * 5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[1].endswith("empty: holds no iteration of a training")
