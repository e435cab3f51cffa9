"""Fillers: the distributions that their formulas promise."""

from __future__ import annotations

import math

import pytest
import torch

from caffe_mnist.engine.blob import Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


def filled(text: str, *shape: int) -> torch.Tensor:
    """A parameter filled from seed 1."""
    parameter = Parameter(shape)
    filler = parse_text(text, caffe_pb2.FillerParameter, "test")
    fill(parameter, filler, RandomNumbers(1), "test")
    return parameter.data


def test_constant() -> None:
    """Every element is the value; without a type, 0."""
    assert (filled('type: "constant" value: 3', 2, 3) == 3).all()
    assert (filled("", 2, 3) == 0).all()


def test_uniform() -> None:
    """Between min and max, with their mean."""
    values = filled('type: "uniform" min: -2 max: 4', 200, 100)
    assert values.min() >= -2
    assert values.max() <= 4
    assert values.mean().item() == pytest.approx(1, abs=0.05)


def test_gaussian() -> None:
    """Mean and deviation."""
    values = filled('type: "gaussian" mean: 1 std: 2', 200, 100)
    assert values.mean().item() == pytest.approx(1, abs=0.05)
    assert values.std().item() == pytest.approx(2, rel=0.02)


def test_sparse_gaussian() -> None:
    """About `sparse` non-zero inputs for each output."""
    values = filled('type: "gaussian" std: 1 sparse: 15', 100, 400)
    assert (values != 0).float().mean().item() == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(("norm", "n"), [("FAN_IN", 100), ("FAN_OUT", 300), ("AVERAGE", 200)])
def test_xavier_and_msra_scale_by_their_fan(norm: str, n: int) -> None:
    """Even within sqrt(3/n), normal with deviation sqrt(2/n)."""
    xavier = filled(f'type: "xavier" variance_norm: {norm}', 300, 100)
    assert xavier.abs().max().item() == pytest.approx(math.sqrt(3 / n), rel=0.01)
    msra = filled(f'type: "msra" variance_norm: {norm}', 300, 100)
    assert msra.std().item() == pytest.approx(math.sqrt(2 / n), rel=0.02)


def test_positive_unitball() -> None:
    """Positive, and each output's inputs add up to 1."""
    values = filled('type: "positive_unitball"', 4, 3, 5)
    assert (values >= 0).all()
    assert values.flatten(1).sum(1).tolist() == pytest.approx([1] * 4)


def test_bilinear() -> None:
    """The kernel of 2-fold upsampling."""
    values = filled('type: "bilinear"', 2, 1, 4, 4)
    row = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.allclose(values, row.outer(row).expand(2, 1, 4, 4))


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ('type: "nope"', (2,), "unknown filler 'nope'"),
        ('type: "bilinear"', (2, 2), "needs a blob of 4 axes"),
    ],
)
def test_faults(text: str, shape: tuple[int, ...], message: str) -> None:
    """Unknown types and blobs that do not fit are named."""
    with pytest.raises(CaffeMnistError, match=message):
        filled(text, *shape)
