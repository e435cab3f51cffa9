"""Tables and pictures of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.trials.picture import Bar, Point, draw_comparison, draw_sweep
from caffe_mnist.trials.space import parse_space
from caffe_mnist.trials.table import seconds_text, table, value_text
from caffe_mnist.watch.metrics import Metrics


def test_columns_are_aligned() -> None:
    """On a terminal, wide characters included; Markdown and CSV keep the cells."""
    found = table(["网络", "x"], [["a", "1"], ["long name", "2|3"]])
    assert found.lines() == ["网络       x", "a          1", "long name  2|3"]
    assert found.markdown().splitlines()[1] == "| --- | --- |"
    assert "2/3" in found.markdown()
    assert found.csv().splitlines() == ["网络,x", "a,1", "long name,2|3"]


def test_values_as_people_write_them() -> None:
    """Accuracies in per cent, long times in minutes."""
    assert value_text("test0_accuracy", 0.98765) == "98.77 %"
    assert value_text("loss", 0.123456) == "0.1235"
    assert (seconds_text(3.21), seconds_text(75)) == ("3.2 s", "1 min 15 s")


def test_pictures(tmp_path: Path) -> None:
    """They are PNGs of a readable size."""
    pytest.importorskip("matplotlib")
    from PIL import Image

    space = parse_space(["base_lr=0.01:1:log", "type=SGD,Adam"])
    points = [Point(0, {"base_lr": "0.1", "type": "SGD"}, 0.9)]
    assert draw_sweep(tmp_path / "sweep.png", space, points, 0, "test0_accuracy")
    metrics = Metrics()
    metrics.rows[10] = {"iteration": 10, "seconds": 1.0, "test0_accuracy": 0.9}
    bars = [Bar("LeNet, SGD", 0.9, 0.99, metrics), Bar("mlp", 0.8, None, metrics)]
    assert draw_comparison(tmp_path / "compare.png", bars, "test0_accuracy")
    for name in ("sweep.png", "compare.png"):
        with Image.open(tmp_path / name) as image:
            assert min(image.size) > 400
