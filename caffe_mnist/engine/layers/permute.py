"""Permute: the bottom's axes in another order. A layer of SSD's fork."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import forks


@layers.register("Permute")
class Permute(Layer):
    """Option: permute_param.order; axes that it does not name follow in their own order."""

    fork = "SSD"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that no axis is named twice, and none that is not there."""
        axes = len(bottom[0].shape)
        order = list(forks.settings(self.param, "ssd").permute_param.order)
        if len(set(order)) < len(order) or any(axis >= axes for axis in order):
            raise self.error(f"order {order} is none of {axes} axes")
        self.order = order + [axis for axis in range(axes) if axis not in order]
        self.inverse = sorted(range(axes), key=self.order.__getitem__)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The sizes in the new order."""
        if len(bottom[0].shape) != len(self.order):
            raise self.error(f"has an order of {len(self.order)} axes, found {bottom[0].shape}")
        top[0].reshape([bottom[0].shape[axis] for axis in self.order])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The same values."""
        top[0].data = bottom[0].data.permute(self.order)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The gradient in the old order."""
        if propagate_down[0]:
            bottom[0].diff = top[0].diff.permute(self.inverse)
