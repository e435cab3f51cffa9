"""Element by element: ReLU, Sigmoid, TanH, Dropout. All may work in place.

Gradients are computed from the tops as they are on the way back, as Caffe does, so that
layers may follow each other in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.precision import Part
from caffe_mnist.schema import caffe_pb2


class Neuron(Layer):
    """y = f(x), with the gradient given by `slope`."""

    in_place = True

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Apply `activate`; in place it may overwrite its input."""
        top[0].data = self.activate(bottom[0].data, bottom[0] is top[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The top's gradient through `slope`."""
        if propagate_down[0]:
            bottom[0].diff = self.slope(top[0].diff, bottom[0].data, top[0].data)

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """f(x); with `in_place`, x may be overwritten."""
        raise NotImplementedError

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The gradient by x, given that by y (x is y when the layer works in place)."""
        raise NotImplementedError


@layers.register("ReLU")
class ReLU(Neuron):
    """y = max(0, x) + negative_slope min(0, x)."""

    part = Part.EITHER

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Negative values are multiplied by `negative_slope`."""
        leak = self.param.relu_param.negative_slope
        if leak:
            return torch.nn.functional.leaky_relu(x, leak, inplace=in_place)
        return torch.relu_(x) if in_place else torch.relu(x)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The gradient where x > 0, `negative_slope` of it elsewhere."""
        leak = self.param.relu_param.negative_slope
        if leak:
            return torch.where(x > 0, gradient, gradient * leak)
        return torch.ops.aten.threshold_backward(gradient, x, 0)  # type: ignore[no-any-return]


@layers.register("Sigmoid")
class Sigmoid(Neuron):
    """y = 1 / (1 + exp(-x))."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The logistic function."""
        return torch.sigmoid_(x) if in_place else torch.sigmoid(x)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = y (1 - y)."""
        return torch.ops.aten.sigmoid_backward(gradient, y)  # type: ignore[no-any-return]


@layers.register("TanH")
class TanH(Neuron):
    """y = tanh(x)."""

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """The hyperbolic tangent."""
        return torch.tanh_(x) if in_place else torch.tanh(x)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """dy/dx = 1 - y²."""
        return torch.ops.aten.tanh_backward(gradient, y)  # type: ignore[no-any-return]


@layers.register("Dropout")
class Dropout(Neuron):
    """In training, each element is 0 with probability `dropout_ratio`, else 1/(1 - ratio) x."""

    part = Part.EITHER

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the ratio."""
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            raise self.error(f"dropout_ratio {self.ratio:g} is not in [0, 1)")
        self.training = self.phase == caffe_pb2.TRAIN

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Draw a mask and apply it; in testing, nothing changes."""
        if not self.training:
            return x
        self.mask = self._draw(x).to(x.dtype)
        return x * self.mask

    def draw(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> list[Tensor] | None:
        """The mask, in training."""
        if not self.training:
            return None
        return [self._draw(torch.empty(top[0].shape, device=self.device))]

    def forward_with(
        self, values: list[Tensor], bottom: Sequence[Blob], top: Sequence[Blob]
    ) -> None:
        """Apply the mask that was drawn."""
        x = bottom[0].data
        self.mask = values[0].to(x.dtype)
        top[0].data = x * self.mask

    def _draw(self, like: Tensor) -> Tensor:
        keep = 1 - self.ratio
        return self.surroundings.generator.mask(like, keep).div_(keep)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The same mask."""
        return gradient * self.mask if self.training else gradient
