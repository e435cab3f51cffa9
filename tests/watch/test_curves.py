"""The curves of one or several runs as a picture."""

from __future__ import annotations

import pytest

from caffe_mnist.watch.curves import picture
from tests.watch.test_metrics import metrics

pytest.importorskip("matplotlib")


def test_a_run_has_one_colour_in_both_panels() -> None:
    """With several runs: so that losses and accuracies of one can be told to belong together."""
    figure = picture([("first", metrics()), ("second", metrics())])
    colours: dict[str, set[str]] = {"first": set(), "second": set()}
    for axes in figure.axes:
        for line in axes.lines:
            colours[str(line.get_label()).partition(":")[0]].add(str(line.get_color()))
    assert len(figure.axes) == 2
    assert {len(found) for found in colours.values()} == {1}
    assert colours["first"] != colours["second"]


def test_curves_of_one_run_have_a_colour_each() -> None:
    """The loss of the training and that of the tests lie in one panel."""
    colours = [line.get_color() for line in picture([("", metrics())]).axes[0].lines]
    assert len(set(colours)) == len(colours) == 2


def test_a_loss_that_became_nan_leaves_the_scale_logarithmic() -> None:
    """What is no number has no place in the picture, and no say in it."""
    found = metrics()
    last = max(found.rows)
    found.rows[last]["loss"] = float("nan")
    axes = picture([("", found)]).axes[0]
    assert axes.get_yscale() == "log"
    assert "loss: nan" in [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]


def test_axes_have_plain_numbers() -> None:
    """Losses as 2.3 and not 2.3 × 10⁰, iterations whole, and one point alone is a dot."""
    found = metrics()
    first = min(found.rows)
    found.rows = {first: found.rows[first]}
    figure = picture([("", found)])
    figure.canvas.draw()
    losses, iterations = figure.axes[0].yaxis, figure.axes[-1].xaxis
    labels = [text.get_text() for text in losses.get_ticklabels(which="both")]
    assert any(labels)
    assert not any("$" in label for label in labels)
    assert str(first) in [text.get_text() for text in iterations.get_ticklabels()]
    assert not any("." in text.get_text() for text in iterations.get_ticklabels())
    assert all(line.get_marker() == "o" for line in figure.axes[0].lines)
