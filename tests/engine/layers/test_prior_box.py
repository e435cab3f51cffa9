"""PriorBox, box by box."""

from __future__ import annotations

import math

import pytest
import torch

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, tops

LAYER = (
    'layer {{ name: "p" type: "PriorBox" bottom: "x" bottom: "picture" top: "p" '
    "prior_box_param {{ {} }} }}"
)
INPUTS = {"x": torch.zeros(1, 4, 2, 3), "picture": torch.zeros(1, 3, 40, 90)}


def test_boxes() -> None:
    """Row by row: the square, the one of the mean size, each ratio and its inverse."""
    text = (
        "min_size: 10 max_size: 20 aspect_ratio: 2 aspect_ratio: 2 aspect_ratio: 1 "
        "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"
    )
    (p,) = tops(build(LAYER.format(text), INPUTS))
    sizes = [(10, 10), (math.sqrt(200),) * 2]
    sizes += [(10 * math.sqrt(r), 10 / math.sqrt(r)) for r in (2, 0.5)]
    expected = []
    for h in range(2):
        for w in range(3):
            x, y = (w + 0.5) * 90 / 3, (h + 0.5) * 40 / 2
            for width, height in sizes:
                expected += [(x - width / 2) / 90, (y - height / 2) / 40]
                expected += [(x + width / 2) / 90, (y + height / 2) / 40]
    assert p.shape == (1, 2, len(expected))
    assert p[0, 0].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert p[0, 1].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2] * (len(expected) // 4))


def test_step_offset_size_and_clip() -> None:
    """Given by the net instead of taken from the bottoms; one variance is for all four."""
    text = "min_size: 30 flip: false clip: true step: 10 offset: 0 img_h: 50 img_w: 20 variance: 3"
    (p,) = tops(build(LAYER.format(text), INPUTS))
    assert p.shape == (1, 2, 24)
    assert p[0, 0, -4:].tolist() == pytest.approx([5 / 20, 0.0, 1.0, 25 / 50])
    assert set(p[0, 1].tolist()) == {3.0}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "needs a positive min_size"),
        ("min_size: 10 max_size: 10", "max_size above"),
        ("min_size: 10 variance: 1 variance: 2", "a positive variance, or four"),
        ("min_size: 10 img_size: 3 img_h: 4", "img_size beside"),
        ("min_size: 10 aspect_ratio: -1", "aspect_ratio -1 is not positive"),
    ],
)
def test_misuse(text: str, what: str) -> None:
    """One line that names the setting."""
    with pytest.raises(CaffeMnistError, match=what):
        build(LAYER.format(text), INPUTS)
