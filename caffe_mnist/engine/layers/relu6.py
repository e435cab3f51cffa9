"""ReLU6: y = min(max(0, x), 6), element by element. A layer of the forks with nets for phones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.neurons import Neuron
from caffe_mnist.schema import forks


@layers.register("ReLU6")
class ReLU6(Neuron):
    """y = min(max(0, x) + negative_slope min(0, x), 6); may work in place."""

    fork = "MobileNet"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the slope below 0."""
        self.leak = float(forks.settings(self.param, "mobile").relu6_param.negative_slope)

    def activate(self, x: Tensor, in_place: bool) -> Tensor:
        """Clip at 0 (or lean) and at 6."""
        leak = self.leak
        return torch.where(x > 0, x.clamp_max(6), x * leak) if leak else x.clamp(0, 6)

    def slope(self, gradient: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The gradient between 0 and 6, `negative_slope` of it below."""
        inside = gradient * ((y > 0) & (y < 6))
        return inside + gradient * (y < 0) * self.leak if self.leak else inside
