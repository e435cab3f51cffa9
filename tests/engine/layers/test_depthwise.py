"""Depthwise convolutions by a loop, equal to a grouped Convolution; its weights load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from caffe_mnist.engine.weights import load_weights, save_weights
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = (
    'layer {{ name: "c" type: "{}" bottom: "x" top: "c" convolution_param {{ num_output: 3 '
    'kernel_size: 3 stride: 2 pad: 1 weight_filler {{ type: "xavier" }} '
    'bias_filler {{ type: "constant" value: 0.5 }} {} }} }}'
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ConvolutionDepthwise", ""),
        ("DepthwiseConvolution", "group: 3"),
        ("Convolution", "group: 3"),
    ],
)
def test_values_and_gradient(kind: str, text: str, tmp_path: Path) -> None:
    """Each channel by itself; weights of one name serve the others."""
    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    net = build(LAYER.format(kind, text), {"x": x})
    (y,) = tops(net)
    weights, bias = (blob.data for blob in net.layers[-1].blobs)
    assert weights.shape == (3, 1, 3, 3)
    for n in range(2):
        for c in range(3):
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    total = float(bias[c])
                    for h in range(3):
                        for w in range(3):
                            row, column = 2 * i + h - 1, 2 * j + w - 1
                            if 0 <= row < 5 and 0 <= column < 4:
                                total += float(weights[c, 0, h, w] * x[n, c, row, column])
                    assert float(y[n, c, i, j]) == pytest.approx(total, abs=1e-5)
    check_gradients(net, ["x"])
    save_weights(net, tmp_path / "w.caffemodel")
    other = build(LAYER.format("Convolution", "group: 3"), {"x": x})
    other.layers[-1].blobs[0].data = torch.zeros(3, 1, 3, 3)
    assert load_weights(other, tmp_path / "w.caffemodel") == []
    assert torch.allclose(tops(other)[0], y, atol=1e-6)
