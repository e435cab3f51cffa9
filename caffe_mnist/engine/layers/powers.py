"""Exp, Log and Power of scale x + shift, element by element; all may work in place.

A `base` of -1 stands for e. Working in place, Caffe's Log and Power lose the gradient that
comes from above: they give the square of their own slope, taken at y. They do the same here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.neurons import Neuron


def _log_of_base(layer: Layer, base: float) -> float:
    if base == -1:
        return 1.0
    if not 0 < base < math.inf:
        raise layer.error(f"needs a positive base, or -1 for e, found {base:g}")
    return math.log(base)


@layers.register("Exp")
class Exp(Neuron):
    """y = base ^ (scale x + shift)."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As powers of e."""
        param = self.param.exp_param
        log = _log_of_base(self, param.base)
        self.scale, self.shift = log * param.scale, log * param.shift

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """e ^ (log(base) (scale x + shift))."""
        return (x * self.scale).add_(self.shift).exp_()

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = log(base) scale y."""
        return gradient * y * self.scale


@layers.register("Log")
class Log(Neuron):
    """y = log(scale x + shift) / log(base)."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A base of 1 has no logarithm."""
        self.base = _log_of_base(self, self.param.log_param.base)
        if self.base == 0:
            raise self.error("cannot take logarithms to base 1")

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The logarithm; NaN for negative values."""
        return self._inner(x).log_().div_(self.base)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = scale / (log(base) (scale x + shift))."""
        slope = self.param.log_param.scale / self.base / self._inner(x)
        return slope * (slope if x is y else gradient)

    def _inner(self, x: Tensor) -> Tensor:
        param = self.param.log_param
        return (x * param.scale).add_(param.shift)


@layers.register("Power")
class Power(Neuron):
    """y = (scale x + shift) ^ power."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The power; constant if `power` or `scale` is 0."""
        power = self.param.power_param.power
        y = self._inner(x)
        return y if power == 1 else y.pow_(power)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = power scale y / (scale x + shift); nothing if y is constant.

        As in Caffe from y as it is on the way back, but a number where scale x + shift is 0.
        """
        param = self.param.power_param
        factor = param.power * param.scale
        if factor == 0:
            return torch.zeros_like(gradient)
        if x is y:
            return self._slope_in_place(y, factor).square_()
        if param.power == 1:
            return gradient * factor
        inner = self._inner(x)
        if param.power == 2:
            return inner.mul_(factor).mul_(gradient)
        slope = torch.where(inner == 0, inner.pow(param.power - 1), y / inner)
        return slope.mul_(factor).mul_(gradient)

    def _slope_in_place(self, y: Tensor, factor: float) -> Tensor:
        power = self.param.power_param.power
        if power == 1:
            return torch.full_like(y, factor)
        return (self._inner(y) if power == 2 else y / self._inner(y)).mul_(factor)

    def _inner(self, x: Tensor) -> Tensor:
        param = self.param.power_param
        return (x * param.scale).add_(param.shift)
