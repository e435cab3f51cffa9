"""Slices and crops are copies."""

from __future__ import annotations

import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "slice" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { axis: 0 } }
layer { name: "crop" type: "Crop" bottom: "x" bottom: "x" top: "c" crop_param { axis: 1 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "rc" type: "ReLU" bottom: "c" top: "c" }
"""


def test_work_in_place_on_a_part_leaves_the_whole_alone() -> None:
    """A layer that overwrites a slice or a crop does not change the blob they come from."""
    net = Net(parse_text(NET, caffe_pb2.NetParameter, "test"), Surroundings())
    net.blobs["x"].data = -torch.ones(4, 3)
    net.forward()
    assert torch.equal(net.blobs["a"].data, torch.zeros(2, 3))
    assert torch.equal(net.blobs["c"].data, torch.zeros(4, 3))
    assert torch.equal(net.blobs["x"].data, -torch.ones(4, 3))
