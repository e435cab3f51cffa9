"""BN of both forks, by its formulas; weights of other axes of size 1 load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from caffe_mnist.engine.weights import load_weights
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = 'layer {{ name: "bn" type: "BN" bottom: "x" top: "y" {} bn_param {{ {} }} }}'
SEGNET = (
    'scale_filler { type: "constant" value: 3 } shift_filler { type: "constant" value: 0.5 } '
    "bn_mode: "
)
PSPNET = (
    'slope_filler { type: "constant" value: 2 } bias_filler { type: "constant" value: 1 } '
    "momentum: 0.9 eps: 0.01 "
)


def random() -> Tensor:
    """Numbers that are not centred."""
    return torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 + 1


def by_batch(x: Tensor, eps: float) -> Tensor:
    """Each channel less its mean, over its deviation."""
    y = torch.zeros_like(x)
    for c in range(x.shape[1]):
        values = x[:, c].double()
        mean = values.mean()
        variance = ((values - mean) ** 2).mean()
        y[:, c] = ((values - mean) / (variance + eps) ** 0.5).float()
    return y


@pytest.mark.parametrize("phase", [caffe_pb2.TRAIN, caffe_pb2.TEST])
def test_segnet_learns_by_the_batch(phase: int) -> None:
    """In both phases."""
    x = random()
    net = build(LAYER.format("", SEGNET + "LEARN"), {"x": x}, phase)
    (y,) = tops(net)
    assert torch.allclose(y, 3 * by_batch(x, 1e-9) + 0.5, atol=1e-4)
    assert [blob.shape for blob in net.layers[-1].blobs] == [(1, 2, 1, 1)] * 2
    check_gradients(net, ["x"], tolerance=5e-2)


def test_segnet_inference() -> None:
    """A factor and a summand."""
    net = build(LAYER.format("", SEGNET + "INFERENCE"), {"x": random()})
    assert torch.allclose(tops(net)[0], 3 * random() + 0.5)
    check_gradients(net, ["x"])


def test_pspnet() -> None:
    """By the batch in training, by running statistics in testing; these are not learnt."""
    x = random()
    net = build(LAYER.format("param { lr_mult: 1 }", PSPNET), {"x": x})
    (y,) = tops(net)
    assert torch.allclose(y, 2 * by_batch(x, 0.01) + 1, atol=1e-4)
    layer = net.layers[-1]
    assert [one.lr_mult for one in net.parameters.learnables] == [1, 1, 0, 0]
    mean = x.mean((0, 2, 3))
    variance = (x - mean.view(1, 2, 1, 1)).square().mean((0, 2, 3))
    assert torch.allclose(layer.blobs[2].data[0], 0.1 * mean, atol=1e-5)
    assert torch.allclose(layer.blobs[3].data[0], 0.1 * variance, atol=1e-5)
    tested = build(LAYER.format("", PSPNET), {"x": x}, caffe_pb2.TEST)
    for blob, values in zip(tested.layers[-1].blobs[2:], (mean, variance)):
        blob.data = values.reshape(1, 2)
    assert torch.allclose(tops(tested)[0], 2 * by_batch(x, 0.01) + 1, atol=1e-4)
    check_gradients(net, ["x"], tolerance=5e-2)


def test_frozen(tmp_path: Path) -> None:
    """Running statistics in training too, and nothing is learnt; they come from a file."""
    net = build(LAYER.format("", PSPNET + "frozen: true"), {"x": random()})
    assert [one.lr_mult for one in net.parameters.learnables] == [0] * 4
    stored = caffe_pb2.NetParameter()
    layer = stored.layer.add(name="bn", type="BN")
    for values in ([1, 2], [3, 4], [5, 6], [7, 8]):
        blob = layer.blobs.add(data=values)
        blob.shape.dim.extend([1, 2, 1, 1])  # as some builds of the fork write them
    write_binary(tmp_path / "w.caffemodel", stored)
    assert load_weights(net, tmp_path / "w.caffemodel") == []
    (y,) = tops(net)
    for c, (slope, bias, mean, variance) in enumerate(((1, 3, 5, 7), (2, 4, 6, 8))):
        expected = (random()[:, c] - mean) / (variance + 0.01) ** 0.5 * slope + bias
        assert torch.allclose(y[:, c], expected, atol=1e-5)
