"""Pooling: the largest value, the average, or a random one of each window.

The pooled size is rounded up (`round_mode` FLOOR: down); with padding, a last window that
would start in the padding on the far side is dropped. Averages are over the window with its
padding, cut at the padded border. Without padding nothing is dropped: where strides are larger
than the kernel, the last window may lie behind the picture and hold nothing; its largest value is
the smallest number there is, its average no number (or zero), and no gradient comes out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import LARGEST, Layer, layers
from caffe_mnist.engine.layers import stochastic
from caffe_mnist.engine.precision import Part
from caffe_mnist.schema import caffe_pb2

aten = torch.ops.aten


@layers.register("Pooling")
class Pooling(Layer):
    """Options: pool (MAX, AVE, STOCHASTIC), kernel, stride, pad, global_pooling, round_mode.

    Bottom N × C × H × W; a second top of MAX pooling holds the winners' places (h W + w).
    """

    tops = (1, 2)
    part = Part.EITHER
    places: Tensor

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.param.pooling_param
        self.drawn = param.pool == caffe_pb2.PoolingParameter.STOCHASTIC
        self.largest = param.pool == caffe_pb2.PoolingParameter.MAX
        if self.drawn:
            self.part, self.repeats = Part.FULL, False
        if len(top) > 1 and not self.largest:
            raise self.error("has a second top only with MAX pooling")
        if len(bottom[0].shape) != 4:
            raise self.error(f"needs a bottom of 4 axes, found {len(bottom[0].shape)}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Tops are N × C × pooled height × pooled width."""
        self.check_not_empty(bottom[0])
        number, channels, *sizes = bottom[0].shape
        self._measure(sizes)
        pooled = [self._pooled(axis, size) for axis, size in enumerate(sizes)]
        self.empty = [
            not any(self.pad) and (size - 1) * step >= full
            for size, step, full in zip(pooled, self.stride, sizes)
        ]
        self.sizes = sizes
        for blob in top:
            blob.reshape((number, channels, *pooled))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pool; the places of the largest values are kept for the way back."""
        if self.drawn:
            top[0].data = self._forward_drawn(bottom[0].data, top[0])
            return
        x = self._widened(bottom[0].data)
        if self.largest:
            y, self.places = aten.max_pool2d_with_indices(
                x, self.kernel, self.stride, self.inner_pad, [1, 1], self.ceil
            )
            if len(top) > 1:
                places = self._places_in(bottom[0].shape[3], x.shape[3])
                top[1].data = self._with_empty(self._cut(places.float(), top[0]), [-1.0, -1.0])
            nothing = [torch.finfo(y.dtype).min] * 2
        else:
            y = aten.avg_pool2d(x, self.kernel, self.stride, self.inner_pad, self.ceil, True)
            nothing = [self._average_of_nothing(axis) for axis in (0, 1)]
        self.pooled = y.shape[2:]
        top[0].data = self._with_empty(self._cut(y, top[0]), nothing)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients go to the winners, or evenly to the window."""
        if not propagate_down[0]:
            return
        if self.drawn:
            bottom[0].diff = self._backward_drawn(bottom[0].data, top[0].diff)
            return
        x = self._widened(bottom[0].data)
        gradient = _as(self._uncut(self._without_empty(top[0].diff)), x)
        if self.largest:
            dx = aten.max_pool2d_with_indices_backward(
                gradient, x, self.kernel, self.stride, self.inner_pad, [1, 1], self.ceil,
                self.places,
            )  # fmt: skip
        else:
            dx = aten.avg_pool2d_backward(
                gradient, x, self.kernel, self.stride, self.inner_pad, self.ceil, True, None
            )
        if self.wide:
            (ph, pw), (height, width) = self.pad, bottom[0].shape[2:]
            dx = dx[:, :, ph : ph + height, pw : pw + width]
        bottom[0].diff = dx

    def _forward_drawn(self, x: Tensor, top: Blob) -> Tensor:
        sizes = top.shape[2:]
        if self.phase != caffe_pb2.TRAIN:
            return stochastic.expect(x, self.kernel, self.stride, sizes)
        generator = self.surroundings.generator
        y, self.places = stochastic.draw(x, self.kernel, self.stride, sizes, generator)
        return y

    def _backward_drawn(self, x: Tensor, gradient: Tensor) -> Tensor:
        """To the values drawn; in testing, by the expectation."""
        if self.phase == caffe_pb2.TRAIN:
            dx = torch.zeros(x.shape, device=x.device).flatten(2)
            dx.scatter_add_(2, self.places.flatten(2), gradient.flatten(2))
            return dx.view(x.shape)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = stochastic.expect(x, self.kernel, self.stride, gradient.shape[2:])
            return torch.autograd.grad(y, x, gradient)[0]

    def _measure(self, sizes: Sequence[int]) -> None:
        param = self.param.pooling_param
        self.ceil = param.round_mode == caffe_pb2.PoolingParameter.CEIL
        if param.global_pooling:
            if param.HasField("kernel_size") or param.HasField("kernel_h"):
                raise self.error("gives a kernel beside global_pooling")
            self.kernel, self.stride, self.pad = list(sizes), [1, 1], [0, 0]
            self.wide, self.inner_pad = False, self.pad
            return
        self.kernel = _pair(param, "kernel_size", "kernel")
        self.stride = _pair(param, "stride", "stride")
        self.pad = _pair(param, "pad", "pad")
        if min(self.kernel) < 1 or min(self.stride) < 1:
            raise self.error("needs a positive kernel and stride")
        if max(*self.kernel, *self.stride) > LARGEST:
            raise self.error(f"takes no kernel or stride above {LARGEST}")
        if any(pad >= kernel for pad, kernel in zip(self.pad, self.kernel)):
            raise self.error("pad must be smaller than the kernel")
        if self.drawn and any(self.pad):
            raise self.error("takes padding only with MAX and AVE pooling")
        self.wide = any(2 * pad > kernel for pad, kernel in zip(self.pad, self.kernel))
        self.inner_pad = [0, 0] if self.wide else self.pad

    def _pooled(self, axis: int, size: int) -> int:
        kernel, stride, pad = self.kernel[axis], self.stride[axis], self.pad[axis]
        room = size + 2 * pad - kernel
        if room <= -stride or (room < 0 and not self.ceil):
            raise self.error(f"kernel {kernel} is larger than the padded input {size + 2 * pad}")
        pooled = (-(-room // stride) if self.ceil else room // stride) + 1
        dropping = any(self.pad) or self.drawn
        if dropping and (pooled - 1) * stride >= size + pad:
            pooled -= 1
        return pooled

    # The library drops windows behind the picture; what they hold is put beside the others.

    def _with_empty(self, y: Tensor, values: Sequence[float]) -> Tensor:
        """With a row and a column (axes 0 and 1) of `values` where windows hold nothing."""
        for axis in sorted((0, 1), key=lambda axis: isnan(values[axis])):  # NaN covers the corner
            if self.empty[axis]:
                y = functional.pad(y, (0, axis, 0, 1 - axis), value=values[axis])
        return y

    def _without_empty(self, gradient: Tensor) -> Tensor:
        rows, columns = (
            size - empty for size, empty in zip(gradient.shape[2:], map(int, self.empty))
        )
        return gradient[:, :, :rows, :columns] if any(self.empty) else gradient

    def _average_of_nothing(self, axis: int) -> float:
        """Caffe divides a sum of nothing by the window's extent, which is zero or negative."""
        kernel, stride, size = self.kernel[axis], self.stride[axis], self.sizes[axis]
        start = -(-(size - kernel) // stride) * stride
        return nan if min(start + kernel, size) == start else 0.0

    # The library pads at most half a kernel. A wider pad is written out; then it may find one
    # more window, which starts in the padding on the far side and is dropped again.

    def _widened(self, x: Tensor) -> Tensor:
        if not self.wide:
            return x
        (ph, pw), value = self.pad, float("-inf") if self.largest else 0.0
        return functional.pad(x, (pw, pw, ph, ph), value=value)

    def _cut(self, y: Tensor, top: Blob) -> Tensor:
        return y[:, :, : top.shape[2], : top.shape[3]] if self.wide else y

    def _uncut(self, gradient: Tensor) -> Tensor:
        missing = [full - part for full, part in zip(self.pooled, gradient.shape[2:])]
        return (
            functional.pad(gradient, (0, missing[1], 0, missing[0])) if any(missing) else gradient
        )

    def _places_in(self, width: int, padded: int) -> Tensor:
        """The winners' places in the picture without the padding."""
        if not self.wide:
            return self.places
        rows: Tensor = torch.div(self.places, padded, rounding_mode="floor") - self.pad[0]
        return rows * width + torch.remainder(self.places, padded) - self.pad[1]


def _as(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient in the memory format of the data, so that the kernels run straight through."""
    if x.is_contiguous(memory_format=torch.channels_last):
        return gradient.contiguous(memory_format=torch.channels_last)
    return gradient.contiguous()


def _pair(param: caffe_pb2.PoolingParameter, both: str, each: str) -> list[int]:
    if param.HasField(f"{each}_h") or param.HasField(f"{each}_w"):
        return [getattr(param, f"{each}_h"), getattr(param, f"{each}_w")]
    return [getattr(param, both)] * 2
