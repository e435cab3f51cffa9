"""SPP: spatial pyramid pooling, as many values for pictures of any size.

Level k (0 … pyramid_height - 1) pools the picture into 2ᵏ × 2ᵏ windows. Bottom N × C × H × W;
top N × (C Σ 4ᵏ), the levels one after the other; of a single level, N × C × 1 × 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.pooling import Pooling
from caffe_mnist.schema import caffe_pb2


@layers.register("SPP")
class SPP(Layer):
    """Options: pyramid_height, pool."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        self.height = self.param.spp_param.pyramid_height
        if self.height < 1:
            raise self.error("needs a positive pyramid_height")
        if len(bottom[0].shape) != 4:
            raise self.error(f"needs a bottom of 4 axes, found {len(bottom[0].shape)}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A Pooling for each level, whose windows cover the picture."""
        self.levels = [self._level(k, bottom) for k in range(self.height)]
        self.pooled = [Blob(device=self.device) for _ in self.levels]
        for level, blob in zip(self.levels, self.pooled):
            level.setup(bottom, [blob])
            level.reshape(bottom, [blob])
        if self.height == 1:
            top[0].reshape(self.pooled[0].shape)
        else:
            number = bottom[0].shape[0]
            top[0].reshape((number, sum(prod(blob.shape[1:]) for blob in self.pooled)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pool at every level and join."""
        for level, blob in zip(self.levels, self.pooled):
            level.forward(bottom, [blob])
        if self.height == 1:
            top[0].data = self.pooled[0].data
        else:
            top[0].data = torch.cat([blob.data.flatten(1) for blob in self.pooled], 1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The sum over the levels."""
        if not propagate_down[0]:
            return
        number = bottom[0].shape[0]
        sizes = [prod(blob.shape[1:]) for blob in self.pooled]
        parts = torch.split(top[0].diff.reshape(number, sum(sizes)), sizes, 1)
        total = torch.zeros(bottom[0].shape, device=self.device)
        for level, blob, part in zip(self.levels, self.pooled, parts):
            blob.diff = part.reshape(blob.shape)
            below = Blob(device=self.device)
            below.data = bottom[0].data
            level.backward([blob], [True], [below])
            total += below.diff
        bottom[0].diff = total

    def _level(self, k: int, bottom: Sequence[Blob]) -> Pooling:
        windows = 2**k
        param = caffe_pb2.LayerParameter(name=self.name, type="Pooling")
        pooling = param.pooling_param
        pooling.pool = self.param.spp_param.pool  # type: ignore[assignment]
        for axis, size in zip("hw", bottom[0].shape[2:]):
            kernel = -(-size // windows)
            pad = (kernel * windows - size + 1) // 2
            if pad >= kernel:
                raise self.error(
                    f"cannot cut a side of {size} into {windows} windows",
                    hint="take a smaller pyramid_height",
                )
            setattr(pooling, f"kernel_{axis}", kernel)
            setattr(pooling, f"stride_{axis}", kernel)
            setattr(pooling, f"pad_{axis}", pad)
        return Pooling(param, self.surroundings)
