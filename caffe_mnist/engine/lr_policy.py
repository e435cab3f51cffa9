"""Learning rate policies: functions of the iteration.

fixed     base_lr
step      base_lr gamma^floor(iter / stepsize)
exp       base_lr gamma^iter
inv       base_lr (1 + gamma iter)^-power
multistep base_lr gamma^(number of stepvalues reached)
poly      base_lr (1 - iter / max_iter)^power
sigmoid   base_lr / (1 + exp(-gamma (iter - stepsize)))

Beyond Caffe's, in the fields that it has:

cosine    base_lr (gamma + (1 - gamma) (1 + cos(pi iter / max_iter)) / 2); with a stepsize, each
          stepsize iterations are such a fall from base_lr on
plateau   base_lr gamma^(number of steps taken); plateau.py says when one is due

`warmup:N+POLICY` (`warmup:N:START+POLICY`) rises to what POLICY says: of its rate, the first
iteration of N has the part START + (1 - START) / N, the last one all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2

Policy = Callable[[caffe_pb2.SolverParameter, int], float]
policies: Registry[Policy] = Registry("learning rate policy")


@dataclass(frozen=True)
class Warmup:
    """The `iterations` in which the rate rises from the part `start` of what the policy says."""

    iterations: int = 0
    start: float = 0.0

    def part(self, iteration: int) -> float:
        """Which part of the policy's rate holds at `iteration`; 1 from the last one on."""
        if iteration + 1 >= self.iterations:
            return 1.0
        return self.start + (1 - self.start) * (iteration + 1) / self.iterations


_WARMUP = re.compile(r"warmup:([0-9]{1,9})(?::([0-9]*\.?[0-9]+))?\+(.*)", re.ASCII | re.DOTALL)


def split_policy(text: str) -> tuple[Warmup, str]:
    """`lr_policy` as its warm-up and the name of the policy itself.

    Raises CaffeMnistError for a `warmup` that is none.
    """
    if not text.startswith("warmup"):
        return Warmup(), text
    found = _WARMUP.fullmatch(text)
    iterations, start = (int(found[1]), float(found[2] or 0)) if found else (0, 0.0)
    if found is None or not iterations or start > 1:
        raise CaffeMnistError(
            f"{text!r} is no warm-up",
            where="lr_policy",
            hint='as in "warmup:500+multistep", or "warmup:500:0.1+cosine" to start at a tenth',
        )
    return Warmup(iterations, start), found[3]


def learning_rate(solver: caffe_pb2.SolverParameter, iteration: int, steps: int = 0) -> float:
    """The rate of `solver` at `iteration`; raises CaffeMnistError for an unknown policy.

    `steps` are those that `plateau` has taken.
    """
    warmup, name = split_policy(solver.lr_policy)
    rate = policies.get(name, where="lr_policy")(solver, iteration)
    if steps:
        rate *= _power(_gamma(solver), steps)
    return rate * warmup.part(iteration)


def current_step(solver: caffe_pb2.SolverParameter, iteration: int) -> int:
    """How many steps `step` and `multistep` have taken; 0 for the other policies."""
    _, name = split_policy(solver.lr_policy)
    if name == "step":
        if solver.stepsize < 1:
            raise CaffeMnistError("lr_policy step needs a positive stepsize", where="stepsize")
        return iteration // solver.stepsize
    if name == "multistep":
        return _reached(solver.stepvalue, iteration)
    return 0


def _reached(values: Sequence[int], iteration: int) -> int:
    """How many steps were taken up to `iteration`: in their order, one an iteration at most."""
    reached, earliest = 0, 0
    for value in values:
        earliest = max(value, earliest)
        if earliest > iteration:
            break
        reached, earliest = reached + 1, earliest + 1
    return reached


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


@policies.register("cosine")
def cosine(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr (gamma + (1 - gamma) (1 + cos(pi iter / T)) / 2), T = stepsize or max_iter."""
    length = solver.stepsize or solver.max_iter
    if length < 1:
        raise CaffeMnistError("lr_policy cosine needs a max_iter or a stepsize", where="lr_policy")
    place = iteration % length if solver.stepsize else min(iteration, length)
    least = _gamma(solver)
    return solver.base_lr * (least + (1 - least) * (1 + math.cos(math.pi * place / length)) / 2)


@policies.register("plateau")
def plateau(solver: caffe_pb2.SolverParameter, iteration: int) -> float:
    """base_lr gamma^(steps): one when the loss found no new minimum for stepsize iterations."""
    _gamma(solver)
    return solver.base_lr


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
