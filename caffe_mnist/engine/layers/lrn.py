"""LRN: each value divided by a power of the sum of squares around it.

Across channels, y = x / (k + alpha/n Σ x²)^beta over n neighbouring channels; within a
channel, y = x (1 + alpha mean(x²))^-beta over n × n neighbours (k plays no part there).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import LARGEST, Layer, layers
from caffe_mnist.schema import caffe_pb2


@layers.register("LRN")
class LRN(Layer):
    """Options: local_size (odd), alpha, beta, k, norm_region. Bottom N × C × H × W."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the settings."""
        param = self.param.lrn_param
        self.size, self.alpha, self.beta, self.k = (
            param.local_size, param.alpha, param.beta, param.k,
        )  # fmt: skip
        self.across = param.norm_region == caffe_pb2.LRNParameter.ACROSS_CHANNELS
        self.always_propagates = self.across
        if self.size % 2 == 0 or self.size > LARGEST:
            raise self.error(f"needs an odd local_size, found {self.size}")
        if len(bottom[0].shape) != 4:
            raise self.error(f"needs a bottom of 4 axes, found {len(bottom[0].shape)}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As the bottom."""
        self.check_not_empty(bottom[0])
        super().reshape(bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The sum around each value, to the power of -beta."""
        x = bottom[0].data
        if self.across:
            self.scale = self._window_sum(x * x).mul_(self.alpha / self.size).add_(self.k)
        else:
            self.scale = self._average(x * x).mul_(self.alpha).add_(1)
        self.power = _inverse_power(self.scale, self.beta)
        top[0].data = x * self.power

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = dy s^-beta - 2 alpha beta / n x Σ (dy y / s), s being the sum with k.

        Within a channel Σ / n is how the average spreads gradients.
        """
        if not propagate_down[0]:
            return
        dy, y, x = top[0].diff, top[0].data, bottom[0].data
        ratios = (dy * y).div_(self.scale)
        if self.across:
            ratios = self._window_sum(ratios)
        else:
            ratios = torch.ops.aten.avg_pool2d_backward(
                _as(ratios, x), x, *self._averaging, True, True, None
            )
        share = self.alpha / self.size if self.across else self.alpha
        bottom[0].diff = (dy * self.power).addcmul_(x, ratios, value=-2 * share * self.beta)

    @property
    def _averaging(self) -> tuple[list[int], list[int], list[int]]:
        """Kernel, stride and padding of the average within a channel."""
        pad = (self.size - 1) // 2
        return [self.size, self.size], [1, 1], [pad, pad]

    def _average(self, values: Tensor) -> Tensor:
        """Caffe's, over the padded window."""
        average: Tensor = torch.ops.aten.avg_pool2d(values, *self._averaging, True, True)
        return average

    def _window_sum(self, values: Tensor) -> Tensor:
        """Sums over `size` neighbouring channels."""
        channels = values.shape[1]
        reach = min((self.size - 1) // 2, channels - 1)
        padded = functional.pad(values, (0, 0, 0, 0, reach, reach))
        sums = padded[:, :channels].clone()
        for start in range(1, 2 * reach + 1):
            sums += padded[:, start : start + channels]
        return sums


def _as(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient in the memory format of the data, so that the kernel runs straight through."""
    if x.is_contiguous(memory_format=torch.channels_last):
        return gradient.contiguous(memory_format=torch.channels_last)
    return gradient.contiguous()


def _inverse_power(values: Tensor, exponent: float) -> Tensor:
    """values^-exponent; for the usual 3/4 by roots, which are many times faster than powers."""
    if exponent != 0.75:
        return values.pow(-exponent)
    root = values.rsqrt()
    return root.sqrt().mul_(root)
