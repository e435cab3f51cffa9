"""Permute, by plain loops."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = 'layer {{ name: "y" type: "Permute" bottom: "x" top: "y" permute_param {{ {} }} }}'


def test_values_and_gradient() -> None:
    """Axis k of the top is axis order[k] of the bottom."""
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    net = build(LAYER.format("order: 0 order: 2 order: 3 order: 1"), {"x": x})
    (y,) = tops(net)
    assert y.shape == (1, 3, 4, 2)
    for c in range(2):
        for h in range(3):
            for w in range(4):
                assert y[0, h, w, c] == x[0, c, h, w]
    check_gradients(net, ["x"])


def test_axes_that_are_not_named_follow() -> None:
    """In their own order."""
    (y,) = tops(build(LAYER.format("order: 2"), {"x": torch.zeros(5, 6, 7)}))
    assert y.shape == (7, 5, 6)


@pytest.mark.parametrize("order", ["order: 1 order: 1", "order: 3"])
def test_misuse(order: str) -> None:
    """An axis twice, or one that is not there."""
    with pytest.raises(CaffeMnistError, match="is none of 3 axes"):
        build(LAYER.format(order), {"x": torch.zeros(1, 2, 3)})
