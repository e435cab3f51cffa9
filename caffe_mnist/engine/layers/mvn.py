"""MVN: each channel of each picture less its mean, over its standard deviation.

y = (x - mean) / (deviation + eps). Bottoms have at most 4 axes; the top always has 4, the
missing ones of size 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers


@layers.register("MVN")
class MVN(Layer):
    """Options: normalize_variance, across_channels (a mean for each picture), eps.

    May work in place, but has no gradient then if it divides (nor has Caffe a right one).
    """

    in_place = True
    always_propagates = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Four axes."""
        shape = bottom[0].shape
        if len(shape) > 4:
            raise self.error(f"takes a bottom of at most 4 axes, found {len(shape)}")
        across = self.param.mvn_param.across_channels
        shape = (*shape, *[1] * (4 - len(shape)))
        self.rows = shape[0] if across else shape[0] * shape[1]
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Keep the divisor for the way back."""
        shape, param = top[0].shape, self.param.mvn_param
        x = self._as_rows(bottom[0].data)
        y = x - x.mean(1, keepdim=True)
        if param.normalize_variance:
            self.divisor = y.square().mean(1, keepdim=True).sqrt_().add_(param.eps)
            y.div_(self.divisor)
        top[0].data = y.view(shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = (dy - mean(dy) - y mean(y dy)) / divisor, without division dy - mean(dy)."""
        if not propagate_down[0]:
            return
        dy = self._as_rows(top[0].diff)
        dx = dy - dy.mean(1, keepdim=True)
        if self.param.mvn_param.normalize_variance:
            if bottom[0] is top[0]:
                raise self.error("has no gradient in place", hint="give its top another name")
            y = self._as_rows(top[0].data)
            dx.sub_(y * (y * dy).mean(1, keepdim=True)).div_(self.divisor)
        bottom[0].diff = dx.view(bottom[0].shape)

    def _as_rows(self, values: Tensor) -> Tensor:
        return values.reshape(self.rows, values.numel() // max(self.rows, 1))
