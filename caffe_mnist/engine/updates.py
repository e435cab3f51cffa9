"""Update rules: how a gradient changes a parameter.

A rule keeps a history for each parameter and takes one step at a time. Before the step the
gradient is divided by `iter_size` and scaled by clipping, and weight decay is added:
g = gradient / iter_size · clip + decay · W (L2) or + decay · sign(W) (L1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from caffe_mnist.engine.parameters import Learnable
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Step:
    """One iteration: its number, its learning rate, and what gradients are multiplied by.

    Rate and scale may be tensors without axes: then the step can be recorded and made again.
    The rate holds the rule's own `factor` already. `skipped`, where it is given, is a tensor that
    says by 1 that nothing may change.
    """

    iteration: int
    rate: float | Tensor
    gradient_scale: float | Tensor
    skipped: Tensor | None = None


class UpdateRule:
    """Base of all rules; `histories` tensors are kept for each parameter."""

    histories = 1
    takes_momentum = True

    def __init__(self, solver: caffe_pb2.SolverParameter, learnables: list[Learnable]) -> None:
        """Histories of zeros, in the order of the parameters (rule by rule as Caffe saves)."""
        self.solver, self.learnables = solver, learnables
        self.check()
        self.history = [
            torch.zeros_like(learnable.parameter.data)
            for _ in range(self.histories)
            for learnable in learnables
        ]

    def check(self) -> None:
        """Raise CaffeMnistError for settings that the rule does not take."""
        known = self.solver.regularization_type in ("L1", "L2")
        if self.solver.weight_decay and not known:
            raise CaffeMnistError(
                f"unknown regularization_type {self.solver.regularization_type!r}",
                where="solver",
                hint="known: L1, L2",
            )
        if self.solver.momentum and not self.takes_momentum:
            raise CaffeMnistError(
                f"type {self.solver.type} takes no momentum, found {self.solver.momentum:g}",
                where="solver",
                hint="leave momentum away",
            )

    def update(self, step: Step) -> None:
        """Take one step with every parameter.

        Those with lr_mult 0 stay as they are; their histories see weight decay, as in Caffe.
        Afterwards `diff` is what was subtracted, as in Caffe.
        """
        if step.skipped is None:
            self._take(step)
            return
        changing = [item.parameter.data for item in self.learnables] + self.history
        before = [values.clone() for values in changing]
        self._take(step)
        for values, kept in zip(changing, before):
            values.copy_(torch.where(step.skipped > 0, kept, values))

    def factor(self, iteration: int) -> float:
        """What the learning rate of an iteration is multiplied by."""
        return 1.0

    def _take(self, step: Step) -> None:
        for index, learnable in enumerate(self.learnables):
            gradient = self._regularized(learnable, step)
            update = self.step_one(index, gradient, step.rate * learnable.lr_mult)
            learnable.parameter.data.sub_(update)
            learnable.parameter.diff = update

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """What to subtract from parameter `index`, given its regularised `gradient`.

        `gradient` may be overwritten; `rate` is the parameter's own learning rate.
        """
        raise NotImplementedError

    def decay(self, learnable: Learnable) -> float:
        """The weight decay of one parameter."""
        return self.solver.weight_decay * learnable.decay_mult

    def _regularized(self, learnable: Learnable, step: Step) -> Tensor:
        gradient, values = learnable.parameter.diff, learnable.parameter.data
        if isinstance(step.gradient_scale, Tensor) or step.gradient_scale != 1:
            gradient.mul_(step.gradient_scale)
        decay = self.decay(learnable)
        if decay:
            l1 = self.solver.regularization_type == "L1"
            gradient.add_(values.sign() if l1 else values, alpha=decay)
        return gradient


rules: Registry[type[UpdateRule]] = Registry("solver type")


@rules.register("SGD")
class SGD(UpdateRule):
    """V = momentum V + rate g; W = W - V (the rate is inside the momentum)."""

    def _take(self, step: Step) -> None:
        """All parameters of one pair of multipliers in one fused pass over memory.

        On a CPU: the library's fused step divides gradients by a scale, adds weight decay, then
        takes V = momentum V + g, W = W - lr V. With scale 1 / rate, decay · rate and lr 1, that
        is Caffe's rule.
        """
        l1, momentum = self.solver.regularization_type == "L1", self.solver.momentum
        rate, own_scale = step.rate, step.gradient_scale
        if isinstance(rate, Tensor) or isinstance(own_scale, Tensor) or self.on_device:
            if l1:
                super()._take(step)
            else:
                self._take_on_device(step)
            return
        if l1 or not momentum or not rate:
            super()._take(step)
            return
        for (lr_mult, decay_mult), indices in self._groups().items():
            own = rate * lr_mult
            scale = 1 / (own * own_scale) if own_scale else float("inf")
            torch._fused_sgd_(
                [self.learnables[i].parameter.data for i in indices],
                [self.learnables[i].parameter.diff for i in indices],
                [self.history[i] for i in indices],
                weight_decay=self.solver.weight_decay * decay_mult * own,
                momentum=momentum,
                lr=1.0,
                dampening=0.0,
                nesterov=False,
                maximize=False,
                is_first_step=False,
                grad_scale=torch.tensor(scale),
            )
            for i in indices:
                self.learnables[i].parameter.lend_diff(self.history[i])

    @property
    def on_device(self) -> bool:
        """Whether the parameters are on a GPU, which nothing should wait for."""
        return any(item.parameter.device.type != "cpu" for item in self.learnables[:1])

    def _take_on_device(self, step: Step) -> None:
        """By few operations over all parameters, which read rate and scale on the device."""
        for (lr_mult, decay_mult), indices in self._groups().items():
            values = [self.learnables[i].parameter.data for i in indices]
            gradients = [self.learnables[i].parameter.diff for i in indices]
            history = [self.history[i] for i in indices]
            if isinstance(step.gradient_scale, Tensor) or step.gradient_scale != 1:
                torch._foreach_mul_(gradients, step.gradient_scale)
            decay = self.solver.weight_decay * decay_mult
            if decay:
                torch._foreach_add_(gradients, values, alpha=decay)
            torch._foreach_mul_(gradients, step.rate * lr_mult)
            torch._foreach_mul_(history, self.solver.momentum)
            torch._foreach_add_(history, gradients)
            torch._foreach_sub_(values, history)
            for i in indices:
                self.learnables[i].parameter.lend_diff(self.history[i])

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """One parameter, by plain operations."""
        velocity = self.history[index].mul_(self.solver.momentum)
        return _add(velocity, gradient, rate).clone()

    def _groups(self) -> dict[tuple[float, float], list[int]]:
        groups: dict[tuple[float, float], list[int]] = {}
        for index, learnable in enumerate(self.learnables):
            if learnable.lr_mult:
                key = (learnable.lr_mult, learnable.decay_mult)
                groups.setdefault(key, []).append(index)
        return groups


@rules.register("Nesterov")
class Nesterov(UpdateRule):
    """V' = momentum V + rate g; W = W - (1 + momentum) V' + momentum V."""

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """The velocity is looked at where it will have led to."""
        momentum, velocity = self.solver.momentum, self.history[index]
        before = velocity * momentum
        _add(velocity.mul_(momentum), gradient, rate)
        return torch.mul(velocity, 1 + momentum, out=gradient).sub_(before)


@rules.register("AdaGrad")
class AdaGrad(UpdateRule):
    """H = H + g²; W = W - rate g / (√H + delta). Takes no momentum."""

    takes_momentum = False

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """Squares of all gradients so far."""
        squares = self.history[index].addcmul_(gradient, gradient)
        divisor = squares.sqrt().add_(self.solver.delta)
        return gradient.mul_(rate).div_(divisor)


@rules.register("RMSProp")
class RMSProp(UpdateRule):
    """H = rms_decay H + (1 - rms_decay) g²; W = W - rate g / (√H + delta). Takes no momentum."""

    takes_momentum = False

    def check(self) -> None:
        """Raise CaffeMnistError unless rms_decay is in [0, 1)."""
        super().check()
        if not 0 <= self.solver.rms_decay < 1:
            raise CaffeMnistError(
                f"rms_decay {self.solver.rms_decay:g} is not in [0, 1)", where="solver"
            )

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """A moving mean of squares."""
        keep = self.solver.rms_decay
        squares = self.history[index].mul_(keep).addcmul_(gradient, gradient, value=1 - keep)
        divisor = squares.sqrt().add_(self.solver.delta)
        return gradient.mul_(rate).div_(divisor)


@rules.register("AdaDelta")
class AdaDelta(UpdateRule):
    """H = momentum H + (1 - momentum) g²; u = g √((U + delta) / (H + delta));
    U = momentum U + (1 - momentum) u²; W = W - rate u."""

    histories = 2

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """Moving means of squared gradients and of squared updates."""
        keep, delta = self.solver.momentum, self.solver.delta
        squares, updates = self.history[index], self.history[len(self.learnables) + index]
        squares.mul_(keep).addcmul_(gradient, gradient, value=1 - keep)
        update = (updates + delta).div_(squares + delta).sqrt_().mul_(gradient)
        updates.mul_(keep).addcmul_(update, update, value=1 - keep)
        return update.mul_(rate)


@rules.register("Adam")
class Adam(UpdateRule):
    """M = β₁ M + (1 - β₁) g; V = β₂ V + (1 - β₂) g²;
    W = W - rate √(1 - β₂ᵗ) / (1 - β₁ᵗ) M / (√V + delta); β₁ is momentum, β₂ momentum2."""

    histories = 2

    def step_one(self, index: int, gradient: Tensor, rate: float | Tensor) -> Tensor:
        """Moving means of gradients and of their squares, corrected for their start at 0."""
        first, second = self.solver.momentum, self.solver.momentum2
        mean, squares = self.history[index], self.history[len(self.learnables) + index]
        mean.mul_(first).add_(gradient, alpha=1 - first)
        squares.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        divisor = squares.sqrt().add_(self.solver.delta)
        return torch.mul(mean, rate, out=gradient).div_(divisor)

    def factor(self, iteration: int) -> float:
        """The correction for the means' start at 0."""
        return _correction(self.solver.momentum, self.solver.momentum2, iteration + 1)


def _add(target: Tensor, gradient: Tensor, rate: float | Tensor) -> Tensor:
    """target + rate · gradient, in place."""
    if isinstance(rate, Tensor):
        return target.add_(gradient * rate)
    return target.add_(gradient, alpha=rate)


def _correction(first: float, second: float, time: int) -> float:
    """√(1 - β₂ᵗ) / (1 - β₁ᵗ), infinite or no number where C's is: for β beyond 0 to 1."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(1 - np.float64(second) ** time) / (1 - np.float64(first) ** time))
