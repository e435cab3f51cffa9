"""Stochastic pooling, which real Caffe has on a GPU only: its rules as plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

SHAPE = (2, 3, 7, 8)


def _net(settings: str, phase: int) -> Net:
    text = (
        'force_backward: true layer { name: "x" type: "Input" top: "x" input_param { shape { '
        + " ".join(f"dim: {size}" for size in SHAPE)
        + ' } } } layer { name: "pool" type: "Pooling" bottom: "x" top: "y" pooling_param { '
        f"pool: STOCHASTIC {settings} }} }}"
    )
    generator = RandomNumbers(3)
    param = parse_text(text, caffe_pb2.NetParameter, "test")
    return Net(param, Surroundings(phase, generator=generator))


def _values() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).random(SHAPE).astype(np.float32))


@pytest.mark.parametrize("kernel", [2, 3])
def test_testing_gives_the_expected_value(kernel: int) -> None:
    """In the TEST phase each window gives the sum of squares over the sum, cut at the border."""
    net = _net(f"kernel_size: {kernel} stride: 2", caffe_pb2.TEST)
    x = net.blobs["x"].data = _values()
    net.forward()
    y = net.blobs["y"].data
    for place in np.ndindex(*y.shape):
        n, c, h, w = place
        window = x[n, c, 2 * h : 2 * h + kernel, 2 * w : 2 * w + kernel]
        assert y[place] == pytest.approx(float((window**2).sum() / window.sum()), rel=1e-5)


def test_training_draws_values_by_their_size() -> None:
    """Each value of a window is drawn about as often as its share of the sum says."""
    net = _net("kernel_size: 2 stride: 2", caffe_pb2.TRAIN)
    x = net.blobs["x"].data = _values()
    total = torch.zeros(2, 3, 4, 4)
    for _ in range(3000):
        net.forward()
        total += net.blobs["y"].data
    test = _net("kernel_size: 2 stride: 2", caffe_pb2.TEST)
    test.blobs["x"].data = x
    test.forward()
    assert torch.allclose(total / 3000, test.blobs["y"].data, atol=0.03)


def test_gradients_go_to_the_values_drawn() -> None:
    """Every drawn value is in its window, and takes its window's whole gradient."""
    net = _net("kernel_size: 3 stride: 2", caffe_pb2.TRAIN)
    x = net.blobs["x"].data = _values()
    net.forward()
    y = net.blobs["y"].data
    net.blobs["y"].diff = torch.rand(y.shape, generator=torch.Generator().manual_seed(1))
    net.backward()
    dx = torch.zeros(SHAPE)
    for place in np.ndindex(*y.shape):
        n, c, h, w = place
        window = x[n, c, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3]
        found = (window == y[place]).nonzero()
        assert len(found) == 1
        dx[n, c, 2 * h + found[0, 0], 2 * w + found[0, 1]] += net.blobs["y"].diff[place]
    assert torch.allclose(net.blobs["x"].diff, dx)


def test_padding_is_refused() -> None:
    """As in Caffe, only MAX and AVE pooling take padding."""
    with pytest.raises(CaffeMnistError, match=r"layer 'pool' .*padding only with MAX and AVE"):
        _net("kernel_size: 2 pad: 1", caffe_pb2.TRAIN)
