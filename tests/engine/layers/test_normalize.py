"""Normalize, by its formula."""

from __future__ import annotations

import math

import pytest
import torch

from tests.engine.layers.finite import build, check_gradients, tops

LAYER = (
    'layer {{ name: "y" type: "Normalize" bottom: "x" top: "y" '
    'norm_param {{ scale_filler {{ type: "constant" value: 20 }} {} }} }}'
)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("everywhere", [True, False])
def test_values_and_gradient(everywhere: bool, shared: bool) -> None:
    """Divided by the length over the channels, or over the picture; times the factor."""
    x = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    text = f"across_spatial: {str(everywhere).lower()} channel_shared: {str(shared).lower()}"
    net = build(LAYER.format(text), {"x": x})
    (y,) = tops(net)
    for n in range(2):
        for h in range(2):
            for w in range(2):
                part = x[n] if everywhere else x[n, :, h, w]
                length = math.sqrt(float((part**2).sum()) + 1e-10)
                for c in range(3):
                    expected = 20 * float(x[n, c, h, w]) / length
                    assert float(y[n, c, h, w]) == pytest.approx(expected, rel=1e-5)
    assert net.layers[-1].blobs[0].shape == (() if shared else (3,))
    check_gradients(net, ["x"], step=3e-3, tolerance=5e-2)


def test_factor_is_one_without_filler() -> None:
    """As in the fork."""
    text = 'layer { name: "y" type: "Normalize" bottom: "x" top: "y" }'
    (y,) = tops(build(text, {"x": torch.tensor([[3.0, 4.0]])}))
    assert y.tolist() == [pytest.approx([0.6, 0.8])]
