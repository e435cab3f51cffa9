"""The curves of a run as a picture (needs matplotlib, in the images extra)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.files import replacing
from caffe_mnist.watch.metrics import FIRST, Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FORMATS = ("png", "svg", "pdf")


def draw(metrics: Metrics, path: str | os.PathLike[str], title: str = "") -> bool:
    """Draw losses, and below them what else tests give; False without matplotlib."""
    return draw_runs([("", metrics)], path, title)


def draw_runs(
    runs: Sequence[tuple[str, Metrics]], path: str | os.PathLike[str], title: str = ""
) -> bool:
    """Draw the curves of several runs into one picture, of the kind that the path ends in."""
    try:
        figure = picture(runs, title)
    except ImportError:
        return False
    kind = Path(path).suffix[1:].lower()
    with replacing(Path(path)) as aside:
        figure.savefig(aside, format=kind if kind in FORMATS else "png", dpi=110)
    return True


def picture(runs: Sequence[tuple[str, Metrics]], title: str = "") -> Figure:
    """The curves as matplotlib's figure; raises ImportError without matplotlib.

    Several runs have a colour each, the same in both panels, and their legend beside the curves.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    losses, others = {}, {}
    for name, metrics in runs:
        losses[name], others[name] = curves(metrics)
    tested = any(others.values())
    alone = len(runs) == 1
    height = 6 if tested else 4
    figure = Figure(figsize=(8 if alone else 11, height), layout=None if alone else "constrained")
    FigureCanvasAgg(figure)
    if alone:  # measuring texts takes longer than drawing them
        figure.subplots_adjust(0.12, 0.5 / height, 0.98, 1 - 0.35 / height, hspace=0.06)
    panels = figure.subplots(1 + tested, 1, sharex=True, squeeze=False)[:, 0]
    _panel(panels[0], runs, losses, "loss")
    values = [v for name, one in runs for column in losses[name] for _, v in _points(one, column)]
    finite = [value for value in values if math.isfinite(value)]
    if finite and all(value > 0 for value in finite):
        _as_powers(panels[0])
    if tested:
        _panel(panels[1], runs, others, "test outputs")
    panels[0].set_title(title)
    panels[-1].set_xlabel("iteration")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def _as_powers(axes: Axes) -> None:
    """A logarithmic axis with plain numbers; between powers of ten only where there are few."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(Plain())
    axes.yaxis.set_minor_formatter(Plain())


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


def _panel(
    axes: Axes, runs: Sequence[tuple[str, Metrics]], names: dict[str, list[str]], label: str
) -> None:
    several = len(runs) > 1
    for number, (run, metrics) in enumerate(runs):
        for name in names[run]:
            points = _points(metrics, name)
            if not points:
                continue
            dots = name[:4] == "test" or len(points) == 1
            style: dict[str, Any] = {"marker": "o", "markersize": 4} if dots else {}
            if several:
                style.update(color=f"C{number % 10}", alpha=1 if style else 0.6)
            words = f"{run}: {name}" if run else name
            label_text = f"{words}: {points[-1][1]:.4g}"
            axes.plot(*zip(*points), label=label_text, linewidth=1.3, **style)
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if axes.lines:
        place: dict[str, Any] = {
            "loc": "best",
            "fontsize": "small" if len(axes.lines) > 4 else None,
        }
        if several:
            place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": "small"}
        axes.legend(title="(the last value)", title_fontsize="small", **place)


def _points(metrics: Metrics, name: str) -> list[tuple[int, float]]:
    return [(n, row[name]) for n, row in sorted(metrics.rows.items()) if name in row]
