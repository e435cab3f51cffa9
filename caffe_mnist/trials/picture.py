"""Results as a picture (needs matplotlib, in the images extra)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.files import replacing
from caffe_mnist.trials.space import Dimension, Values
from caffe_mnist.watch.metrics import Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Point:
    """One trial that ended well: its values and what came of them."""

    number: int
    values: Values
    score: float


@dataclass(frozen=True)
class Bar:
    """One training of a comparison: what it is called, what it reached, its metrics."""

    label: str
    score: float
    quoted: float | None
    metrics: Metrics


def draw_sweep(
    path: Path, space: Sequence[Dimension], points: Sequence[Point], best: int, metric: str
) -> bool:
    """A panel for each key, its values against the metric; False without matplotlib."""
    figure = _figure(max(4.2 * len(space), 5.5), 4.2)
    if figure is None or not points:
        return False
    panels = figure.subplots(1, len(space), sharey=True, squeeze=False)[0]
    for axes, one in zip(panels, space):
        _panel(axes, one, points, best)
    panels[0].set_ylabel(metric)
    figure.suptitle(f"{metric} of {len(points)} trials; the best: trial {best}")
    _save(figure, path)
    return True


def draw_comparison(path: Path, bars: Sequence[Bar], metric: str) -> bool:
    """What each training reached, beside what documents quote, and how it got there."""
    figure = _figure(11, 4.5)
    if figure is None or not bars:
        return False
    left, right = figure.subplots(1, 2)
    rows = range(len(bars))
    left.barh(rows, [bar.score for bar in bars], color="#4878a8", height=0.6)
    for row, bar in zip(rows, bars):
        left.text(bar.score, row, f" {bar.score:.4f}", va="center", fontsize=9)
        if bar.quoted is not None:
            left.plot([bar.quoted] * 2, [row - 0.4, row + 0.4], color="#c44e52", linewidth=2)
    left.plot([], [], color="#c44e52", linewidth=2, label="quoted in the documents")
    left.set_yticks(rows, [bar.label for bar in bars])
    left.invert_yaxis()
    lowest = min([bar.score for bar in bars] + [bar.quoted for bar in bars if bar.quoted])
    left.set_xlim(max(0.0, lowest - 0.06), 1.02)
    left.set_xlabel(metric)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    for bar in bars:
        found = [row for _, row in sorted(bar.metrics.rows.items()) if metric in row]
        seconds = [row.get("seconds", 0.0) for row in found]
        right.plot(seconds, [row[metric] for row in found], marker="o", label=bar.label)
    right.set_xlabel("seconds of training")
    right.set_ylabel(metric)
    right.set_ylim(bottom=max(0.0, lowest - 0.06))
    right.grid(alpha=0.3)
    right.legend(loc="lower right")  # curves of accuracies end above it
    _save(figure, path)
    return True


def _panel(axes: Axes, one: Dimension, points: Sequence[Point], best: int) -> None:
    where: Any = [point.values[one.key] for point in points]
    if one.choices:
        axes.set_xticks(range(len(one.choices)), one.choices)
        where = [one.choices.index(value) for value in where]
    else:
        where = [float(value) for value in where]
        if one.log:
            axes.set_xscale("log")
    colours = ["#c44e52" if point.number == best else "#4878a8" for point in points]
    axes.scatter(where, [point.score for point in points], c=colours)
    axes.set_xlabel(one.key)
    axes.grid(alpha=0.3)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
