"""Pooling windows that lie behind the picture, as real Caffe was seen to fill them."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

NET = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 8 dim: 5 } } }
layer { name: "y" type: "Pooling" bottom: "x" top: "y" %s pooling_param { %s kernel_size: 1 } }
"""
NOTHING = torch.finfo(torch.float32).min


def pooled(settings: str, more: str = "") -> Net:
    """A net that pools the numbers 0 to 39, forward and backward, with a gradient of ones."""
    net = Net(parse_text(NET % (more, settings), caffe_pb2.NetParameter, "test"), Surroundings())
    net.blobs["x"].data = torch.arange(40.0).view(1, 1, 8, 5)
    net.forward()
    net.blobs["y"].diff = torch.ones(net.blobs["y"].data.shape)
    net.backward(1, 1)
    return net


def test_the_largest_of_nothing() -> None:
    """A row behind the picture: the smallest number, from nowhere, without a gradient."""
    net = pooled("pool: MAX stride: 2", 'top: "places"')
    assert net.blobs["y"].data[0, 0].tolist() == [
        [0, 2, 4], [10, 12, 14], [20, 22, 24], [30, 32, 34], [NOTHING] * 3,
    ]  # fmt: skip
    assert net.blobs["places"].data[0, 0, 3:].tolist() == [[30, 32, 34], [-1, -1, -1]]
    assert net.blobs["x"].diff.sum() == 12


@pytest.mark.parametrize(("stride", "what"), [(2, "nan"), (3, "0.0")])
def test_the_average_of_nothing(stride: int, what: str) -> None:
    """A window that begins right behind the picture has no average; one farther away has zero."""
    net = pooled(f"pool: AVE stride: {stride}")
    last = net.blobs["y"].data[0, 0, -1].abs()
    assert {str(value) for value in last.tolist()} == {what}
    assert net.blobs["x"].diff.isfinite().all()


def test_rounded_down_there_are_none() -> None:
    """FLOOR pools only what is there."""
    net = pooled("pool: MAX stride: 2 round_mode: FLOOR")
    assert net.blobs["y"].data.shape == (1, 1, 4, 3)
