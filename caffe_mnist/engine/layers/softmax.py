"""Softmax along an axis: y_k = exp(x_k) / Σ exp(x_j)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers


@layers.register("Softmax")
class Softmax(Layer):
    """Options: axis. The top has the bottom's shape."""

    in_place = True
    always_propagates = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the axis."""
        self.axis = self.canonical_axis(self.param.softmax_param.axis, bottom[0])
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Probabilities along the axis."""
        top[0].data = torch.softmax(bottom[0].data, self.axis)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dx = y (dy - Σ dy y)."""
        if propagate_down[0]:
            y, dy = top[0].data, top[0].diff
            bottom[0].diff = y * (dy - (dy * y).sum(self.axis, keepdim=True))
