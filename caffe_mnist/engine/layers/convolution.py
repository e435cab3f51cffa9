"""Convolution: y = W * x + b over any number of spatial axes.

Shapes: bottom N × C × spatial, weights O × C/group × kernel, bias O, top N × O × spatial'
with spatial' = (size + 2 pad - dilation (kernel - 1) - 1) / stride + 1, rounded down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers import any_axes
from caffe_mnist.engine.layers.geometry import Geometry
from caffe_mnist.engine.precision import Part


@layers.register("Convolution")
class Convolution(Layer):
    """Options: num_output, kernel, stride, pad, dilation, group, bias_term, axis, fillers.

    A Deconvolution is the same with `transposed`.
    """

    transposed = False
    part = Part.HEAVY
    tops = (1, None)
    bottoms = (1, None)
    equal_bottoms_and_tops = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate weights (O × C/group × kernel) and bias (O)."""
        param = self.param.convolution_param
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.geometry = Geometry.of_convolution(self, len(bottom[0].shape) - self.axis - 1)
        self.group = param.group
        outputs, channels = param.num_output, bottom[0].shape[self.axis]
        if outputs < 1:
            raise self.error("needs a positive num_output")
        if self.group < 1 or channels % self.group or outputs % self.group:
            raise self.error(
                f"group {self.group} must divide the {channels} input channels "
                f"and num_output {outputs}"
            )
        self.channels, self.outputs = channels, outputs
        self.blobs.append(Parameter(self.weights_shape(), self.device))
        where, generator = f"layer {self.name!r}", self.surroundings.generator
        fill(self.blobs[0], param.weight_filler, generator, where)
        self.bias = param.bias_term
        if self.bias:
            self.blobs.append(Parameter((outputs,), self.device))
            fill(self.blobs[1], param.bias_filler, generator, where)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Tops have `num_output` channels and the convolved spatial sizes."""
        for below, above in zip(bottom, top):
            self.check_not_empty(below, self.axis)
            if below.shape != bottom[0].shape:
                raise self.error(
                    f"takes bottoms of one shape, found {bottom[0].shape} and {below.shape}"
                )
            if len(below.shape) != self.axis + 1 + len(self.geometry.kernel):
                raise self.error(f"cannot take a bottom of {len(below.shape)} axes")
            if below.shape[self.axis] != self.channels:
                raise self.error(
                    f"has weights for {self.channels} channels, "
                    f"the bottom has {below.shape[self.axis]}"
                )
            sizes = self.sizes(below.shape[self.axis + 1 :])
            above.reshape((*below.shape[: self.axis], self.outputs, *sizes))

    def weights_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return (self.outputs, self.channels // self.group, *self.geometry.kernel)

    def sizes(self, sizes: Sequence[int]) -> list[int]:
        """The top's spatial sizes from the bottom's; raises CaffeMnistError if there are none."""
        return self.geometry.convolved(self, sizes)

    def missing(self, sizes: Sequence[int]) -> list[int]:
        """What each spatial axis of the bottom lacks on its far side."""
        return self.geometry.missing(sizes)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Convolve each bottom into its top."""
        geometry = self.geometry
        for below, above in zip(bottom, top):
            x = self._completed(self._images(below.data))
            weights = self._weights(x)
            bias = self.blobs[1].data.to(x.dtype) if self.bias else None
            y = self._convolution(x)(
                x, weights, bias, geometry.stride, geometry.pad, geometry.dilation,
                self.transposed, geometry.zeros, self.group,
            )  # fmt: skip
            above.data = y if y.shape == above.shape else y.reshape(above.shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients of the weights, of the bias, and of the bottoms asked for."""
        learns_weights, learns_bias = self.learns[0], self.bias and self.learns[1]
        for above, below, down in zip(top, bottom, propagate_down):
            images, gradient = self._images(below.data), self._images(above.diff)
            x = self._completed(images)
            if not (down or learns_weights or learns_bias):
                continue
            if learns_bias:
                self.blobs[1].add_diff(_sum(gradient))
            dx, dw = self._gradients(x, gradient, (down, learns_weights))
            if down:
                if x is not images:
                    dx = dx[tuple(slice(size) for size in images.shape)]
                below.diff = dx if dx.shape == below.shape else dx.reshape(below.shape)
            if learns_weights:
                self.blobs[0].add_diff(dw)

    def _gradients(
        self, x: Tensor, gradient: Tensor, wanted: tuple[bool, bool]
    ) -> tuple[Tensor, Tensor]:
        """Of bottom and weights (the library is slow at the bias)."""
        if not any(wanted):
            return x, self.blobs[0].data
        geometry = self.geometry
        backward: Callable[..., Any] = torch.ops.aten.convolution_backward
        if self._convolution(x) is any_axes.convolution:
            backward = any_axes.convolution_backward
        dx, dw, _ = backward(
            gradient, x, self._weights(x), [self.outputs], geometry.stride, geometry.pad,
            geometry.dilation, self.transposed, geometry.zeros, self.group, [*wanted, False],
        )  # fmt: skip
        return dx, dw

    @staticmethod
    def _convolution(x: Tensor) -> Callable[..., Tensor]:
        """The library's convolution where it knows that many axes."""
        return torch.convolution if 3 <= x.dim() <= 5 else any_axes.convolution

    def _images(self, values: Tensor) -> Tensor:
        """As N × C × spatial (Caffe's leading axes are one here), channels last in memory."""
        if self.axis != 1:
            values = values.reshape(-1, *values.shape[self.axis :])
        return _channels_last(values) if self._last(values) else values

    def _completed(self, x: Tensor) -> Tensor:
        """With zeros on the far side, where the kernel reaches beyond the padded input."""
        missing = self.missing(x.shape[2:])
        if not any(missing):
            return x
        return functional.pad(x, [side for more in reversed(missing) for side in (0, more)])

    def _weights(self, x: Tensor) -> Tensor:
        """The weights in the format of the images."""
        weights = self.blobs[0].data
        if x.device.type != "cpu" and self._last(weights):  # else the library turns them each time
            return weights.to(x.dtype, memory_format=torch.channels_last)
        return weights.to(x.dtype)

    def _last(self, values: Tensor) -> bool:
        """Whether channels are to lie last: on a CPU, and on a GPU for its tensor cores."""
        fast = values.device.type == "cpu" or self.surroundings.precision.tensor_cores
        return values.dim() == 4 and fast


def _channels_last(values: Tensor) -> Tensor:
    """The same values, channels last in memory.

    With one channel the strides may say either; said plainly, the library is 5 times faster.
    """
    values = values.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = values.shape
    if channels == 1 and values.stride(1) != 1:
        values = values.as_strided(values.shape, (height * width, 1, width, 1))
    return values


def _sum(gradient: Tensor) -> Tensor:
    """Of N × O × spatial, the sum for each O: as a product where channels lie last."""
    if gradient.dim() == 4 and gradient.is_contiguous(memory_format=torch.channels_last):
        rows = gradient.permute(0, 2, 3, 1).reshape(-1, gradient.shape[1])
        return torch.mv(rows.t(), rows.new_ones(rows.shape[0]))
    return gradient.sum((0, *range(2, gradient.dim())))
