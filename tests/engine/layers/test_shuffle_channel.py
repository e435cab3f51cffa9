"""ShuffleChannel by a loop, and a unit of ShuffleNet."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = (
    'layer {{ name: "s" type: "ShuffleChannel" bottom: "x" top: "s" '
    "shuffle_channel_param {{ group: {} }} }}"
)


def test_values_and_gradient() -> None:
    """Channel g C/G + k goes to k G + g."""
    x = torch.randn(2, 6, 2, 1, generator=torch.Generator().manual_seed(1))
    net = build(LAYER.format(3), {"x": x})
    (y,) = tops(net)
    for g in range(3):
        for k in range(2):
            assert torch.equal(y[:, k * 3 + g], x[:, g * 2 + k])
    check_gradients(net, ["x"])


def test_misuse() -> None:
    """Groups that do not divide the channels."""
    with pytest.raises(CaffeMnistError, match="group 4 must divide the channels"):
        build(LAYER.format(4), {"x": torch.zeros(1, 6, 1, 1)})


def test_unit_of_shufflenet() -> None:
    """Grouped 1 × 1, shuffled, depthwise 3 × 3, grouped 1 × 1, added to where it began."""
    unit = """
    layer { name: "c1" type: "Convolution" bottom: "x" top: "c1" convolution_param {
      num_output: 6 kernel_size: 1 group: 3 bias_term: false weight_filler { type: "msra" } } }
    layer { name: "r1" type: "ReLU6" bottom: "c1" top: "c1" }
    layer { name: "s" type: "ShuffleChannel" bottom: "c1" top: "s"
      shuffle_channel_param { group: 3 } }
    layer { name: "d" type: "ConvolutionDepthwise" bottom: "s" top: "d" convolution_param {
      num_output: 6 kernel_size: 3 pad: 1 bias_term: false weight_filler { type: "msra" } } }
    layer { name: "c2" type: "Convolution" bottom: "d" top: "c2" convolution_param {
      num_output: 6 kernel_size: 1 group: 3 weight_filler { type: "msra" } } }
    layer { name: "add" type: "Eltwise" bottom: "x" bottom: "c2" top: "add" }
    """
    net = build(unit, {"x": torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(2))})
    (y,) = tops(net)
    assert y.shape == (2, 6, 4, 4)
    check_gradients(net, ["x"], step=1e-3, tolerance=5e-2)
