"""LRN: each value divided by a power of the sum of squares around it.

Across channels, y = x / (k + alpha/n Σ x²)^beta over n neighbouring channels; within a
channel, y = x (1 + alpha mean(x²))^-beta over n × n neighbours (k plays no part there).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import LARGEST, FunctionLayer, layers
from caffe_mnist.schema import caffe_pb2


@layers.register("LRN")
class LRN(FunctionLayer):
    """Options: local_size (odd), alpha, beta, k, norm_region. Bottom N × C × H × W."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the settings."""
        param = self.param.lrn_param
        self.size, self.alpha, self.beta, self.k = (
            param.local_size, param.alpha, param.beta, param.k,
        )  # fmt: skip
        self.across = param.norm_region == caffe_pb2.LRNParameter.ACROSS_CHANNELS
        if self.size % 2 == 0 or self.size > LARGEST:
            raise self.error(f"needs an odd local_size, found {self.size}")
        if len(bottom[0].shape) != 4:
            raise self.error(f"needs a bottom of 4 axes, found {len(bottom[0].shape)}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As the bottom."""
        self.check_not_empty(bottom[0])
        super().reshape(bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Across channels by hand; within a channel by its definition."""
        if not self.across:
            super().forward(bottom, top)
            return
        x = bottom[0].data
        self.scale = self._window_sum(x * x).mul_(self.alpha / self.size).add_(self.k)
        self.power = _inverse_power(self.scale, self.beta)
        top[0].data = x * self.power

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = dy s^-beta - 2 alpha beta / n x Σ (dy y / s), s being the sum with k."""
        if not propagate_down[0]:
            return
        if not self.across:
            super().backward(top, propagate_down, bottom)
            return
        dy, y, x = top[0].diff, top[0].data, bottom[0].data
        ratios = self._window_sum((dy * y).div_(self.scale))
        dx = dy * self.power
        bottom[0].diff = dx.addcmul_(x, ratios, value=-2 * self.alpha * self.beta / self.size)

    def function(self, *inputs: Tensor) -> Tensor:
        """Within a channel: the average is Caffe's, over the padded window."""
        (x,) = inputs
        pad = (self.size - 1) // 2
        average = functional.avg_pool2d(x * x, self.size, 1, pad, ceil_mode=True)
        return x * (1 + self.alpha * average) ** -self.beta

    def _window_sum(self, values: Tensor) -> Tensor:
        """Sums over `size` neighbouring channels."""
        channels = values.shape[1]
        reach = min((self.size - 1) // 2, channels - 1)
        padded = functional.pad(values, (0, 0, 0, 0, reach, reach))
        sums = padded[:, :channels].clone()
        for start in range(1, 2 * reach + 1):
            sums += padded[:, start : start + channels]
        return sums


def _inverse_power(values: Tensor, exponent: float) -> Tensor:
    """values^-exponent; for the usual 3/4 by roots, which are many times faster than powers."""
    if exponent != 0.75:
        return values.pow(-exponent)
    root = values.rsqrt()
    return root.sqrt().mul_(root)
