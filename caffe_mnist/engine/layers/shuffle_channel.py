"""ShuffleChannel: channels of the groups in turns. A layer of ShuffleNet's forks.

Channel g C/G + k of the bottom becomes channel k G + g of the top.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import forks


@layers.register("ShuffleChannel")
class ShuffleChannel(Layer):
    """Option: shuffle_channel_param.group (1)."""

    fork = "ShuffleNet"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the number of groups."""
        self.group = forks.settings(self.param, "mobile").shuffle_channel_param.group

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top has the bottom's shape."""
        shape = bottom[0].shape
        if len(shape) < 2 or self.group < 1 or shape[1] % self.group:
            raise self.error(f"group {self.group} must divide the channels, found shape {shape}")
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Deal the channels out."""
        top[0].data = _dealt(bottom[0].data, self.group)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gather them again."""
        if propagate_down[0]:
            bottom[0].diff = _dealt(top[0].diff, bottom[0].shape[1] // self.group)


def _dealt(values: Tensor, group: int) -> Tensor:
    parts = values.reshape(values.shape[0], group, -1, *values.shape[2:])
    return parts.transpose(1, 2).reshape(values.shape)
