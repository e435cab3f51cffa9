"""BatchNorm beyond what one pass of one layer shows."""

from __future__ import annotations

import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 8 dim: 3 dim: 4 dim: 5 } } }
layer { name: "norm" type: "BatchNorm" bottom: "in" top: "out" }
"""


def test_mean_far_from_zero() -> None:
    """A mean of thousands of deviations costs no digits: as good as double precision."""
    net = _net(caffe_pb2.TRAIN)
    torch.manual_seed(1)
    x = 100 + torch.randn(8, 3, 4, 5) * 0.01
    dy = torch.randn(8, 3, 4, 5)
    net.blobs["in"].data = x
    net.forward()
    net.blobs["out"].diff = dy
    net.backward()
    exact = x.double().requires_grad_()
    y = torch.nn.functional.batch_norm(exact, None, None, training=True, eps=1e-5)
    y.backward(dy.double())
    assert exact.grad is not None
    assert torch.allclose(net.blobs["out"].data.double(), y, atol=1e-5)
    scale = float(exact.grad.abs().max())
    assert torch.allclose(net.blobs["in"].diff.double(), exact.grad, atol=1e-5 * scale)


def test_statistics_are_not_learnt() -> None:
    """The three blobs get a learning rate of 0, also in the net that snapshots keep."""
    net = _net(caffe_pb2.TRAIN)
    assert [learnable.lr_mult for learnable in net.parameters.learnables] == [0, 0, 0]
    assert [spec.lr_mult for spec in net.param.layer[1].param] == [0, 0, 0]


def test_a_test_net_uses_what_training_gathered() -> None:
    """After many passes over one batch, a test net that shares blobs normalises as training."""
    train, test = _net(caffe_pb2.TRAIN), _net(caffe_pb2.TEST)
    torch.manual_seed(1)
    x = torch.randn(8, 3, 4, 5) * 3 + 2
    for net in (train, test):
        net.blobs["in"].data = x
    for _ in range(3):
        train.forward()
    test.share_parameters(train)
    test.forward()
    count = 8 * 4 * 5
    ratio = (count / (count - 1)) ** 0.5
    assert torch.allclose(test.blobs["out"].data * ratio, train.blobs["out"].data, atol=1e-4)


def _net(phase: int) -> Net:
    return Net(parse_text(NET, caffe_pb2.NetParameter, "test"), Surroundings(phase))
