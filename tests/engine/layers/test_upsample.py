"""Upsample: a pooling undone by its places as in SegNet, and repetition as in YOLO."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

POOLED = """
layer {{ name: "p" type: "Pooling" bottom: "x" top: "p" top: "mask"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "y" type: "Upsample" bottom: "p" bottom: "mask" top: "y" upsample_param {{ {} }} }}
"""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((4, 6), "scale: 2"),
        ((4, 6), "scale_h: 2 scale_w: 2"),
        ((5, 7), "upsample_h: 5 upsample_w: 7"),
        ((5, 5), "scale: 2 pad_out_h: true pad_out_w: true"),
    ],
)
def test_pooling_undone(size: tuple[int, int], text: str) -> None:
    """Each largest value where it was, 0 elsewhere; the gradient the same way."""
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    net = build(POOLED.format(text), {"x": x})
    (y,) = tops(net)
    assert y.shape == x.shape
    expected = torch.zeros_like(x)
    for n in range(2):
        for c in range(3):
            for h in range(0, size[0], 2):
                for w in range(0, size[1], 2):
                    window = x[n, c, h : h + 2, w : w + 2]
                    at = int(window.argmax())
                    row, column = h + at // window.shape[1], w + at % window.shape[1]
                    expected[n, c, row, column] = window.max()
    assert torch.equal(y, expected)
    check_gradients(net, ["x"], step=1e-3, tolerance=5e-2)


def test_learns_below() -> None:
    """As in SegNet: what is pooled is learnt, and the places are no way for gradients."""
    below = """layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param {
      num_output: 2 kernel_size: 1 weight_filler { type: "xavier" } } }"""
    text = below + POOLED.format("scale: 2").replace('bottom: "x"', 'bottom: "c"')
    check_gradients(
        build(text, {"x": torch.arange(32.0).sin().reshape(1, 2, 4, 4)}), ["x"], 1e-3, 5e-2
    )


def test_repeated() -> None:
    """With one bottom each value fills a square."""
    x = torch.arange(4.0).reshape(1, 1, 2, 2)
    layer = 'layer { name: "y" type: "Upsample" bottom: "x" top: "y" upsample_param { scale: 3 } }'
    net = build(layer, {"x": x})
    (y,) = tops(net)
    assert all(y[0, 0, h, w] == x[0, 0, h // 3, w // 3] for h in range(6) for w in range(6))
    check_gradients(net, ["x"])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("upsample_h: 2 upsample_w: 2", "places up to 23 for 4 positions"),
        ("scale: 3 pad_out_h: true", "for a scale of 2"),
        ("scale_h: 2", "both scale_h and scale_w"),
    ],
)
def test_misuse(text: str, what: str) -> None:
    """One line that says what is wrong."""
    with pytest.raises(CaffeMnistError, match=what):
        tops(build(POOLED.format(text), {"x": torch.arange(24.0).reshape(1, 1, 4, 6)}))
