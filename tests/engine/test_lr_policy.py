"""Learning rate policies as functions of the iteration."""

from __future__ import annotations

import math

import pytest

from caffe_mnist.engine.lr_policy import current_step, learning_rate
from caffe_mnist.engine.plateau import Plateau
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
        ('lr_policy: "multistep" gamma: 0.1 stepvalue: 5 stepvalue: 3', 4, 0.5),
        ('lr_policy: "multistep" gamma: 0.1 stepvalue: 5 stepvalue: 5', 5, 0.05),
        ('lr_policy: "multistep" gamma: 0.1 stepvalue: 5 stepvalue: 5', 6, 0.005),
        ('lr_policy: "poly" power: 2 max_iter: 10', 5, 0.125),
        ('lr_policy: "poly" power: 2 max_iter: 10', 10, 0.0),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 4', 4, 0.25),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 4', 5, 0.5 / (1 + math.exp(-1))),
        ('lr_policy: "cosine" max_iter: 10', 0, 0.5),
        ('lr_policy: "cosine" max_iter: 10', 5, 0.25),
        ('lr_policy: "cosine" max_iter: 10', 10, 0.0),
        ('lr_policy: "cosine" max_iter: 10', 99, 0.0),
        ('lr_policy: "cosine" max_iter: 10 gamma: 0.2', 10, 0.1),
        ('lr_policy: "cosine" max_iter: 100 stepsize: 4', 5, 0.25 * (1 + math.cos(math.pi / 4))),
        ('lr_policy: "warmup:5+fixed"', 0, 0.1),
        ('lr_policy: "warmup:5+fixed"', 3, 0.4),
        ('lr_policy: "warmup:5+fixed"', 4, 0.5),
        ('lr_policy: "warmup:5+fixed"', 50, 0.5),
        ('lr_policy: "warmup:5:0.5+fixed"', 0, 0.3),
        ('lr_policy: "warmup:4+step" gamma: 0.1 stepsize: 2', 2, 0.0375),
        ('lr_policy: "warmup:2+cosine" max_iter: 10', 5, 0.25),
        ('lr_policy: "plateau" gamma: 0.1 stepsize: 4', 100, 0.5),
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


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('lr_policy: "warmup:0+fixed"', "is no warm-up"),
        ('lr_policy: "warmup+fixed"', "is no warm-up"),
        ('lr_policy: "warmup:5:2+fixed"', "is no warm-up"),
        ('lr_policy: "warmup:5+x"', "unknown learning rate policy 'x'"),
        ('lr_policy: "cosine"', "cosine needs a max_iter or a stepsize"),
    ],
)
def test_misuse(text: str, what: str) -> None:
    """One line that says what is wrong."""
    with pytest.raises(CaffeMnistError, match=what):
        learning_rate(_solver(text), 0)


@pytest.mark.parametrize("windows", ["stepvalue: 2 stepvalue: 3", "plateau_winsize: [2, 3]"])
def test_plateau(windows: str) -> None:
    """A step when so many iterations found no new minimum; after the last one no more."""
    solver = _solver(f'lr_policy: "plateau" gamma: 0.1 {windows}')
    plateau = Plateau(solver)
    steps = []
    for iteration, loss in enumerate([5.0, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3]):
        plateau.note(iteration, loss)
        steps.append(plateau.steps)
    assert steps == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    assert learning_rate(solver, 12, plateau.steps) == pytest.approx(0.005)
    again = Plateau(solver)
    again.restore(plateau.kept())
    assert again.state == plateau.state


def test_plateau_with_one_window() -> None:
    """A stepsize is the window of every step."""
    plateau = Plateau(_solver('lr_policy: "plateau" gamma: 0.1 stepsize: 2'))
    for iteration in range(9):
        plateau.note(iteration, 1.0)
    assert plateau.steps == 4


def test_plateau_without_window() -> None:
    """It is refused when the solver is made."""
    assert Plateau.of(_solver('lr_policy: "step" stepsize: 3')) is None
    with pytest.raises(CaffeMnistError, match="plateau needs a window"):
        Plateau.of(_solver('lr_policy: "warmup:3+plateau"'))
    with pytest.raises(CaffeMnistError, match="plateau needs a gamma"):
        Plateau.of(_solver('lr_policy: "plateau" stepsize: 3'))
