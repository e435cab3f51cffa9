"""ReLU6, by its formula."""

from __future__ import annotations

import pytest
import torch

from tests.engine.layers.finite import build, check_gradients, tops

X = torch.tensor([-3.0, -0.5, 0.5, 3.0, 5.9, 6.5, 100.0])


@pytest.mark.parametrize("name", ["y", "x"])
@pytest.mark.parametrize("leak", [0.0, 0.25])
def test_values_and_gradient(name: str, leak: float) -> None:
    """Clipped at both ends, or leaning below; in place too."""
    text = f"relu6_param {{ negative_slope: {leak} }}" if leak else ""
    net = build(f'layer {{ name: "l" type: "ReLU6" bottom: "x" top: "{name}" {text} }}', {"x": X})
    (y,) = tops(net)
    assert y.tolist() == pytest.approx([min(x if x > 0 else leak * x, 6) for x in X.tolist()])
    if name == "y":
        check_gradients(net, ["x"])
