"""Update rules: how a gradient changes a parameter.

A rule keeps a history for each parameter and takes one step at a time. Before the step the
gradient is divided by `iter_size` and scaled by clipping, and weight decay is added:
g = gradient / iter_size · clip + decay · W (L2) or + decay · sign(W) (L1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from caffe_mnist.engine.parameters import Learnable
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Step:
    """One iteration: its number, its learning rate, and what gradients are multiplied by."""

    iteration: int
    rate: float
    gradient_scale: float


class UpdateRule:
    """Base of all rules; `histories` tensors are kept for each parameter."""

    histories = 1

    def __init__(self, solver: caffe_pb2.SolverParameter, learnables: list[Learnable]) -> None:
        """Histories of zeros, in the order of the parameters (rule by rule as Caffe saves)."""
        self.solver, self.learnables = solver, learnables
        if solver.regularization_type not in ("L1", "L2"):
            raise CaffeMnistError(
                f"unknown regularization_type {solver.regularization_type!r}",
                where="solver",
                hint="known: L1, L2",
            )
        self.history = [
            torch.zeros_like(learnable.parameter.data)
            for _ in range(self.histories)
            for learnable in learnables
        ]

    def update(self, step: Step) -> None:
        """Take one step with every parameter whose learning rate is not 0."""
        for index, learnable in enumerate(self.learnables):
            if learnable.lr_mult:
                gradient = self._regularized(learnable, step)
                self.step_one(index, gradient, step, step.rate * learnable.lr_mult)

    def step_one(self, index: int, gradient: Tensor, step: Step, rate: float) -> None:
        """Change parameter `index` by its regularised `gradient` at learning rate `rate`."""
        raise NotImplementedError

    def decay(self, learnable: Learnable) -> float:
        """The weight decay of one parameter."""
        return self.solver.weight_decay * learnable.decay_mult

    def _regularized(self, learnable: Learnable, step: Step) -> Tensor:
        gradient, values = learnable.parameter.diff, learnable.parameter.data
        if step.gradient_scale != 1:
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

    def update(self, step: Step) -> None:
        """All parameters of one pair of multipliers in one fused pass over memory.

        The library's fused step divides gradients by a scale, adds weight decay, then takes
        V = momentum V + g, W = W - lr V. With scale 1 / rate, decay · rate and lr 1, that is
        Caffe's rule.
        """
        plain = self.solver.regularization_type == "L1" or not self.solver.momentum
        if plain or not step.rate:
            super().update(step)
            return
        for (lr_mult, decay_mult), indices in self._groups().items():
            rate = step.rate * lr_mult
            scale = 1 / (rate * step.gradient_scale) if step.gradient_scale else float("inf")
            device = self.learnables[indices[0]].parameter.device
            torch._fused_sgd_(
                [self.learnables[i].parameter.data for i in indices],
                [self.learnables[i].parameter.diff for i in indices],
                [self.history[i] for i in indices],
                weight_decay=self.solver.weight_decay * decay_mult * rate,
                momentum=self.solver.momentum,
                lr=1.0,
                dampening=0.0,
                nesterov=False,
                maximize=False,
                is_first_step=False,
                grad_scale=torch.tensor(scale, device=device),
            )

    def step_one(self, index: int, gradient: Tensor, step: Step, rate: float) -> None:
        """One parameter, by plain operations."""
        velocity = self.history[index].mul_(self.solver.momentum).add_(gradient, alpha=rate)
        self.learnables[index].parameter.data.sub_(velocity)

    def _groups(self) -> dict[tuple[float, float], list[int]]:
        groups: dict[tuple[float, float], list[int]] = {}
        for index, learnable in enumerate(self.learnables):
            if learnable.lr_mult:
                key = (learnable.lr_mult, learnable.decay_mult)
                groups.setdefault(key, []).append(index)
        return groups
