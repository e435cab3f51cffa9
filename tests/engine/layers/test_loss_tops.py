"""The second top of losses with a softmax, which this release of real Caffe cannot set up."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

INPUTS = """
layer { name: "x" type: "Input" top: "x" top: "t" top: "h"
  input_param { shape { dim: 2 dim: 3 dim: 4 } shape { dim: 2 dim: 4 } shape { dim: 3 dim: 3 } } }
"""


@pytest.mark.parametrize(
    "layer",
    [
        'type: "SoftmaxWithLoss" bottom: "x" bottom: "t"',
        'type: "InfogainLoss" bottom: "x" bottom: "t" bottom: "h"',
    ],
    ids=["softmax", "infogain"],
)
@pytest.mark.parametrize("weights", ["", "loss_weight: 1 loss_weight: 0"])
def test_the_second_top_holds_the_probabilities(layer: str, weights: str) -> None:
    """It is the softmax of the scores, and weighs nothing in the loss."""
    text = INPUTS + f'layer {{ name: "l" {layer} top: "loss" top: "p" {weights} }}'
    net = Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings())
    scores = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    net.blobs["x"].data = scores
    net.blobs["h"].data = torch.eye(3)
    loss = net.forward()
    assert torch.allclose(net.blobs["p"].data, scores.softmax(1))
    assert torch.allclose(loss, -scores.log_softmax(1)[:, 0].mean())
