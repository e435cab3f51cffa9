"""Im2col: the patch of values under each position of a kernel, as channels.

Shapes: bottom N × C × spatial, top N × (C kernel) × spatial', with the sizes of a convolution;
the channel of the kernel's element k of channel c is c |kernel| + k.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.engine.layers.geometry import Geometry


@layers.register("Im2col")
class Im2col(FunctionLayer):
    """Options: convolution_param's kernel, stride, pad, dilation and axis (the channels')."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the kernel for each axis after the channels'."""
        self.axis = self.canonical_axis(self.param.convolution_param.axis, bottom[0])
        self.spatial = len(bottom[0].shape) - self.axis - 1
        if not self.spatial:
            raise self.error(f"needs axes after axis {self.axis}, the channels")
        self.geometry = Geometry.of_convolution(self, self.spatial)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """More channels, the sizes of a convolution."""
        shape = bottom[0].shape
        if len(shape) != self.axis + 1 + self.spatial:
            raise self.error(f"cannot take a bottom of {len(shape)} axes")
        self.sizes = self.geometry.convolved(self, shape[self.axis + 1 :])
        self.channels = shape[self.axis] * prod(self.geometry.kernel)
        top[0].reshape((*shape[: self.axis], self.channels, *self.sizes))

    def function(self, *inputs: Tensor) -> Tensor:
        """Along each axis, pick position × kernel element; then order the axes."""
        (x,) = inputs
        geometry, first = self.geometry, self.axis + 1
        missing = geometry.missing(x.shape[first:])
        sides = [(pad, pad + more) for pad, more in zip(geometry.pad, missing)]
        x = functional.pad(x, [side for pair in reversed(sides) for side in pair])
        for index in range(self.spatial):
            starts = torch.arange(self.sizes[index], device=x.device) * geometry.stride[index]
            steps = torch.arange(geometry.kernel[index], device=x.device) * geometry.dilation[index]
            places = (starts[:, None] + steps).flatten()
            x = x.index_select(first + index, places)
        pairs = [size for pair in zip(self.sizes, geometry.kernel) for size in pair]
        x = x.reshape(*x.shape[:first], *pairs)
        positions = range(first, x.dim(), 2)
        elements = range(first + 1, x.dim(), 2)
        x = x.permute(*range(first), *elements, *positions)
        return x.reshape(*x.shape[: self.axis], self.channels, *self.sizes)
