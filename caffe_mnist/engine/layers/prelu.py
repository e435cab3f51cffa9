"""PReLU: y = x where x > 0, a learnt slope times x elsewhere.

Shapes: bottom N × C × …; one slope for each of the C channels, or, with `channel_shared`, one
slope for all, in a blob without axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.normalization import check_items
from caffe_mnist.schema import caffe_pb2


@layers.register("PReLU")
class PReLU(Layer):
    """Options: channel_shared, filler (0.25 everywhere by default). May work in place."""

    in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the slopes."""
        param = self.param.prelu_param
        self._check_axes(bottom[0])
        self.shared = param.channel_shared
        filler = caffe_pb2.FillerParameter(type="constant", value=0.25)
        if param.HasField("filler"):
            filler = param.filler
        self.blobs.append(Parameter(() if self.shared else bottom[0].shape[1:2], self.device))
        fill(self.blobs[0], filler, self.surroundings.generator, f"layer {self.name!r}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top has the bottom's shape."""
        self._check_axes(bottom[0])
        channels = bottom[0].shape[1]
        if not self.shared and self.blobs[0].shape != (channels,):
            raise self.error(f"has slopes for {self.blobs[0].count} channels, not {channels}")
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Keep x for the way back: it is lost where the layer works in place."""
        self.x = bottom[0].data
        top[0].data = torch.where(self.x > 0, self.x, self.x * self._slopes())

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The slopes' gradient is Σ dy x where x <= 0."""
        dy, x = top[0].diff, self.x
        if self.learns[0]:
            parts = dy * x.clamp_max(0)
            axes = [axis for axis in range(x.dim()) if self.shared or axis != 1]
            self.blobs[0].add_diff(parts.sum(axes))
        if propagate_down[0]:
            bottom[0].diff = torch.where(x > 0, dy, dy * self._slopes())

    def _slopes(self) -> Tensor:
        slopes = self.blobs[0].data
        return slopes if self.shared else slopes.view(-1, *[1] * (self.x.dim() - 2))

    def _check_axes(self, bottom: Blob) -> None:
        if len(bottom.shape) < 2:
            raise self.error(f"needs a bottom of at least 2 axes, found {len(bottom.shape)}")
        check_items(self, bottom)
