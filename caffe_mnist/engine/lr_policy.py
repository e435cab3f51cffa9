"""Learning rate policies: functions of the iteration.

fixed     base_lr
step      base_lr gamma^floor(iter / stepsize)
exp       base_lr gamma^iter
inv       base_lr (1 + gamma iter)^-power
multistep base_lr gamma^(number of stepvalues reached)
poly      base_lr (1 - iter / max_iter)^power
sigmoid   base_lr / (1 + exp(-gamma (iter - stepsize)))
"""

from __future__ import annotations

import math
from typing import Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2

Policy = Callable[[caffe_pb2.SolverParameter, int], float]
policies: Registry[Policy] = Registry("learning rate policy")


def learning_rate(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """The rate of `solver` at `iteration`; raises CaffeMnistError for an unknown policy."""
    return policies.get(solver.lr_policy, where="lr_policy")(solver, iteration)


def current_step(solver: caffe_pb2.SolverParameter, iteration: int) -> int:
    """How many steps `step` and `multistep` have taken; 0 for the other policies."""
    if solver.lr_policy == "step":
        if solver.stepsize < 1:
            raise CaffeMnistError("lr_policy step needs a positive stepsize", where="stepsize")
        return iteration // solver.stepsize
    if solver.lr_policy == "multistep":
        return sum(value <= iteration for value in solver.stepvalue)
    return 0


def stepped_rate(solver: caffe_pb2.SolverParameter, steps: int) -> float:
    """base_lr gamma^steps, the rate of `step` and `multistep` after so many."""
    return solver.base_lr * _power(_gamma(solver), steps)


@policies.register("fixed")
def fixed(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr."""
    return solver.base_lr


@policies.register("step")
def step(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr gamma^floor(iter / stepsize)."""
    return stepped_rate(solver, current_step(solver, iteration))


@policies.register("exp")
def exp(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr gamma^iter."""
    return solver.base_lr * _power(_gamma(solver), iteration)


@policies.register("inv")
def inv(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr (1 + gamma iter)^-power."""
    return solver.base_lr * _power(1 + _gamma(solver) * iteration, -solver.power)


@policies.register("multistep")
def multistep(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr gamma^(number of stepvalues reached)."""
    return stepped_rate(solver, current_step(solver, iteration))


@policies.register("poly")
def poly(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr (1 - iter / max_iter)^power."""
    left = 1 - iteration / solver.max_iter if solver.max_iter else 0.0
    return solver.base_lr * _power(max(left, 0.0), solver.power)


@policies.register("sigmoid")
def sigmoid(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr / (1 + exp(-gamma (iter - stepsize)))."""
    if solver.stepsize < 1:
        raise CaffeMnistError("lr_policy sigmoid needs a positive stepsize", where="stepsize")
    steepness = -_gamma(solver) * (iteration - solver.stepsize)
    return solver.base_lr / (1 + math.exp(min(steepness, 700.0)))


def _gamma(solver: caffe_pb2.SolverParameter) -> float:
    if not solver.gamma >= 0:
        what = f"lr_policy {solver.lr_policy} needs a gamma of 0 or more, found {solver.gamma:g}"
        raise CaffeMnistError(what, where="gamma")
    return solver.gamma


def _power(base: float, exponent: float) -> float:
    """As C's pow() of a base that is not negative: what is too large is infinite."""
    try:
        return float(base**exponent)
    except (OverflowError, ZeroDivisionError):
        return math.inf
