"""The curves of a run as a picture (needs matplotlib, in the images extra)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.files import replacing
from caffe_mnist.watch.metrics import FIRST, Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(metrics: Metrics, path: str | os.PathLike[str], title: str = "") -> bool:
    """Draw losses, and below them what else tests give, into a PNG; False without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    losses, others = curves(metrics)
    figure = Figure(figsize=(8, 6 if others else 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1 + bool(others), 1, sharex=True, squeeze=False)[:, 0]
    _panel(panels[0], metrics, losses, "loss")
    if all(value > 0 for name in losses for _, value in _points(metrics, name)):
        panels[0].set_yscale("log")
    if others:
        _panel(panels[1], metrics, others, "test outputs")
    panels[0].set_title(title)
    panels[-1].set_xlabel("iteration")
    with replacing(Path(path)) as aside:
        figure.savefig(aside, format="png", dpi=110)
    return True


def curves(metrics: Metrics) -> tuple[list[str], list[str]]:
    """The columns that are losses, and those of test outputs that are none.

    Outputs of the train net that repeat the displayed loss are left out.
    """
    outputs = [name for name in metrics.columns if name not in FIRST]
    losses = [name for name in outputs if "loss" in name]
    trained = [name for name in losses if name.startswith("train")]
    if len(trained) == 1:
        losses.remove(trained[0])
    others = [name for name in outputs if "loss" not in name and name.startswith("test")]
    return ["loss", *losses], others


def _panel(axes: Axes, metrics: Metrics, names: list[str], label: str) -> None:
    for name in names:
        points = _points(metrics, name)
        if not points:
            continue
        style: dict[str, Any] = {"marker": "o", "markersize": 4} if name[:4] == "test" else {}
        axes.plot(*zip(*points), label=f"{name}: {points[-1][1]:.4g}", linewidth=1.3, **style)
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="best", title="(the last value)", title_fontsize="small")


def _points(metrics: Metrics, name: str) -> list[tuple[int, float]]:
    return [(n, row[name]) for n, row in sorted(metrics.rows.items()) if name in row]
