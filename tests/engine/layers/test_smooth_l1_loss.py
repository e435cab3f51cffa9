"""SmoothL1Loss, by its formula."""

from __future__ import annotations

import pytest
import torch

from tests.engine.layers.finite import build, check_gradients

LAYER = (
    'layer {{ name: "l" type: "SmoothL1Loss" bottom: "a" bottom: "b" {} top: "l" '
    "propagate_down: [true, true{}] smooth_l1_loss_param {{ sigma: 2 }} }}"
)


@pytest.mark.parametrize("weights", [0, 1, 2])
def test_values_and_gradient(weights: int) -> None:
    """Squared below 1 / sigma², straight above; weights inside and outside."""
    random = torch.Generator().manual_seed(1)
    given = {name: torch.randn(3, 4, generator=random) for name in "abwv"[: 2 + weights]}
    names = "".join(f' bottom: "{name}"' for name in list(given)[2:])
    net = build(LAYER.format(names, ", false" * weights), given)
    expected = 0.0
    for n in range(3):
        for k in range(4):
            inside = float(given["w"][n, k]) if weights else 1.0
            outside = float(given["v"][n, k]) if weights > 1 else 1.0
            d = abs(inside * float(given["a"][n, k] - given["b"][n, k]))
            expected += outside * (2 * d * d if d < 0.25 else d - 0.125) / 3
    assert float(net.forward()) == pytest.approx(expected, rel=1e-5)
    check_gradients(net, ["a", "b"], step=1e-3)
