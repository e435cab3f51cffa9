"""Interp, by plain loops; a pyramid as in PSPNet."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = 'layer {{ name: "y" type: "Interp" bottom: "x" {} top: "y" interp_param {{ {} }} }}'


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """Corners on corners, one pixel after the other."""
    y = torch.zeros(*x.shape[:2], height, width)
    for h in range(height):
        for w in range(width):
            down = h * (x.shape[2] - 1) / (height - 1) if height > 1 else 0.0
            right = w * (x.shape[3] - 1) / (width - 1) if width > 1 else 0.0
            r, c = int(down), int(right)
            r2, c2 = min(r + 1, x.shape[2] - 1), min(c + 1, x.shape[3] - 1)
            a, b = down - r, right - c
            above = x[:, :, r, c] * (1 - b) + x[:, :, r, c2] * b
            below = x[:, :, r2, c] * (1 - b) + x[:, :, r2, c2] * b
            y[:, :, h, w] = above * (1 - a) + below * a
    return y


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("height: 9 width: 4", (9, 4)),
        ("height: 1 width: 1", (1, 1)),
        ("zoom_factor: 2", (9, 11)),
        ("shrink_factor: 2", (3, 3)),
        ("shrink_factor: 2 zoom_factor: 3", (7, 7)),
    ],
)
def test_sizes_values_and_gradient(text: str, size: tuple[int, int]) -> None:
    """The size by the formulas, the values by loops."""
    x = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1))
    net = build(LAYER.format("", text), {"x": x})
    (y,) = tops(net)
    assert torch.allclose(y, resized(x, *size), atol=1e-5)
    check_gradients(net, ["x"])


def test_crop_and_second_bottom() -> None:
    """Negative padding crops first; a second bottom says the size, and has no gradient."""
    x = torch.randn(1, 2, 6, 7, generator=torch.Generator().manual_seed(1))
    net = build(
        LAYER.format('bottom: "like"', "pad_beg: -1 pad_end: -2"),
        {"x": x, "like": torch.zeros(1, 5, 4, 3)},
    )
    (y,) = tops(net)
    assert torch.allclose(y, resized(x[:, :, 1:4, 1:5], 4, 3), atol=1e-5)
    check_gradients(net, ["x"])


@pytest.mark.parametrize(
    ("text", "what"),
    [("pad_beg: 1", "0 or less"), ("height: 3", "both height and width"), ("zoom_factor: 0", "1")],
)
def test_misuse(text: str, what: str) -> None:
    """One line that says what is wrong."""
    with pytest.raises(CaffeMnistError, match=what):
        build(LAYER.format("", text), {"x": torch.zeros(1, 1, 4, 4)})


def test_pyramid_of_pspnet() -> None:
    """Pooled to a few cells, convolved, normalised, brought back to size and joined."""
    text = 'layer { name: "all" type: "Concat" bottom: "x" bottom: "i2" bottom: "i3" top: "all" }'
    levels = ""
    for size in (2, 3):
        levels += f"""
        layer {{ name: "p{size}" type: "Pooling" bottom: "x" top: "p{size}"
          pooling_param {{ pool: AVE kernel_size: {6 // size} stride: {6 // size} }} }}
        layer {{ name: "c{size}" type: "Convolution" bottom: "p{size}" top: "c{size}"
          convolution_param {{ num_output: 2 kernel_size: 1 bias_term: false
            weight_filler {{ type: "xavier" }} }} }}
        layer {{ name: "b{size}" type: "BN" bottom: "c{size}" top: "c{size}" bn_param {{
          slope_filler {{ type: "constant" value: 1 }} }} }}
        layer {{ name: "i{size}" type: "Interp" bottom: "c{size}" top: "i{size}"
          interp_param {{ height: 6 width: 6 }} }}"""
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(4))
    net = build(levels + text, {"x": x})
    (y,) = tops(net)
    assert y.shape == (2, 7, 6, 6)
    check_gradients(net, ["x"], tolerance=5e-2)
