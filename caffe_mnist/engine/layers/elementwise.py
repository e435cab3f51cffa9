"""More functions of each element: AbsVal, BNLL, Clip, ELU, Swish, Threshold.

All but AbsVal may work in place. BNLL and Clip then take the gradient at y instead of x, as
Caffe does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.neurons import Neuron


@layers.register("AbsVal")
class AbsVal(Neuron):
    """y = |x|."""

    in_place = False

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The absolute value."""
        return x.abs()

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = sign(x), 0 at 0."""
        return gradient * x.sign()


@layers.register("BNLL")
class BNLL(Neuron):
    """y = log(1 + exp(x))."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The logarithm, without overflow for large x."""
        return functional.softplus(x)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = 1 / (1 + exp(-x))."""
        return gradient * torch.sigmoid(x)


@layers.register("Clip")
class Clip(Neuron):
    """y = x, but at least `min` and at most `max`."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Both bounds must be given."""
        param = self.param.clip_param
        if not (param.HasField("min") and param.HasField("max")):
            raise self.error("needs clip_param.min and clip_param.max")
        self.least, self.most = param.min, param.max

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Values outside the bounds become the bound."""
        return x.clamp(self.least, self.most)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The gradient within the bounds (they belong to it), 0 outside."""
        return gradient * ((x >= self.least) & (x <= self.most))


@layers.register("ELU")
class ELU(Neuron):
    """y = x where x > 0, alpha (exp(x) - 1) elsewhere."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The exponential linear unit."""
        return functional.elu(x, self.param.elu_param.alpha, inplace=in_place)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = 1 where x > 0, y + alpha elsewhere."""
        return torch.where(x > 0, gradient, gradient * (y + self.param.elu_param.alpha))


@layers.register("Swish")
class Swish(Neuron):
    """y = x s with s = 1 / (1 + exp(-beta x))."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Keep s for the way back."""
        self.gate = torch.sigmoid(x * self.param.swish_param.beta)
        return x * self.gate

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = beta y + s (1 - beta y)."""
        scaled = y * self.param.swish_param.beta
        return gradient * (scaled + self.gate * (1 - scaled))


@layers.register("Threshold")
class Threshold(Neuron):
    """y = 1 where x > `threshold`, 0 elsewhere. Has no gradient."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Compare."""
        return (x > self.param.threshold_param.threshold).to(x.dtype)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """An error, whoever asks: Caffe has none either."""
        raise self.error("has no gradient")
