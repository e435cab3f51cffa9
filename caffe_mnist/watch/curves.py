"""The curves of a run as a picture (needs matplotlib, in the images extra)."""

from __future__ import annotations

import os
from pathlib import Path

from caffe_mnist.files import replacing
from caffe_mnist.watch.metrics import Metrics


def draw(metrics: Metrics, path: str | os.PathLike[str], title: str = "") -> bool:
    """Draw losses and accuracies over the iterations into a PNG; False without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    losses, others = figure.add_subplot(), None
    for column in metrics.columns:
        kind = column.partition("_")[2] or column
        if column in ("iteration", "seconds", "lr", "iterations_per_second"):
            continue
        points = [(n, row[column]) for n, row in sorted(metrics.rows.items()) if column in row]
        if "loss" in kind:
            losses.plot(*zip(*points), label=column, linewidth=1.2)
        elif column.startswith("test"):
            others = others or losses.twinx()
            others.plot(*zip(*points), label=column, linestyle="--", marker=".", color="tab:green")
    losses.set_xlabel("iteration")
    losses.set_ylabel("loss")
    losses.set_ylim(bottom=0)
    losses.grid(alpha=0.3)
    losses.set_title(title)
    if others is not None:
        others.set_ylabel("accuracy")
        others.legend(loc="center right")
    if losses.lines:
        losses.legend(loc="upper right")
    target = Path(path)
    with replacing(target) as aside:
        figure.savefig(aside, format="png", dpi=120)
    return True
