"""Axpy, by a loop."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = 'layer { name: "l" type: "Axpy" bottom: "a" bottom: "x" bottom: "y" top: "l" }'


@pytest.mark.parametrize("ones", [(), (1, 1)])
def test_values_and_gradient(ones: tuple[int, ...]) -> None:
    """a x + y, channel by channel."""
    random = torch.Generator().manual_seed(1)
    a, x = torch.randn(2, 3, *ones, generator=random), torch.randn(2, 3, 2, 2, generator=random)
    y = torch.randn(2, 3, 2, 2, generator=random)
    net = build(LAYER, {"a": a, "x": x, "y": y})
    (found,) = tops(net)
    for n in range(2):
        for c in range(3):
            assert torch.allclose(found[n, c], a[n, c].reshape(()) * x[n, c] + y[n, c])
    check_gradients(net, ["a", "x", "y"])


def test_misuse() -> None:
    """Shapes that do not fit."""
    shapes = {"a": (2, 2), "x": (2, 3, 2, 2), "y": (2, 3, 2, 2)}
    with pytest.raises(CaffeMnistError, match="cannot add shapes"):
        build(LAYER, {name: torch.zeros(shape) for name, shape in shapes.items()})
