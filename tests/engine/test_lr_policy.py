"""Learning rate policies as functions of the iteration."""

from __future__ import annotations

import math

import pytest

from caffe_mnist.engine.lr_policy import current_step, learning_rate
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


def _solver(text: str) -> caffe_pb2.SolverParameter:
    return parse_text("base_lr: 0.5 " + text, caffe_pb2.SolverParameter, "test")


@pytest.mark.parametrize(
    ("text", "iteration", "rate"),
    [
        ('lr_policy: "fixed"', 1000, 0.5),
        ('lr_policy: "step" gamma: 0.1 stepsize: 10', 9, 0.5),
        ('lr_policy: "step" gamma: 0.1 stepsize: 10', 20, 0.005),
        ('lr_policy: "exp" gamma: 0.5', 3, 0.0625),
        ('lr_policy: "inv" gamma: 0.1 power: 2', 10, 0.125),
        ('lr_policy: "multistep" gamma: 0.1 stepvalue: 5 stepvalue: 9', 5, 0.05),
        ('lr_policy: "multistep" gamma: 0.1 stepvalue: 5 stepvalue: 9', 100, 0.005),
        ('lr_policy: "poly" power: 2 max_iter: 10', 5, 0.125),
        ('lr_policy: "poly" power: 2 max_iter: 10', 10, 0.0),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 4', 4, 0.25),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 4', 5, 0.5 / (1 + math.exp(-1))),
    ],
)
def test_rate(text: str, iteration: int, rate: float) -> None:
    """Each formula at a point that is easy to work out."""
    assert learning_rate(_solver(text), iteration) == pytest.approx(rate, rel=1e-6)


def test_steps_taken() -> None:
    """`step` and `multistep` count; the others do not."""
    assert current_step(_solver('lr_policy: "step" stepsize: 10'), 25) == 2
    assert current_step(_solver('lr_policy: "multistep" stepvalue: 3 stepvalue: 4'), 3) == 1
    assert current_step(_solver('lr_policy: "inv"'), 25) == 0


def test_unknown_policy() -> None:
    """The known ones are listed."""
    with pytest.raises(CaffeMnistError, match=r"unknown learning rate policy 'x'.*multistep"):
        learning_rate(_solver('lr_policy: "x"'), 0)
