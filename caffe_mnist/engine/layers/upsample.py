"""Upsample: a pooling layer undone. Of SegNet's fork; with one bottom, of YOLO's converters.

Bottoms: values N × C × H × W, and the places that a pooling layer's second top names (h W + w in
the picture before it), where the values go; elsewhere is 0. Without places, each value is
repeated `scale` × `scale` times.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import forks


@layers.register("Upsample")
class Upsample(Layer):
    """Options of upsample_param: upsample_h and upsample_w, or scale (2), scale_h and scale_w.

    `pad_out_h` and `pad_out_w` take one row or column off a doubled size.
    """

    fork = "SegNet"
    repeats = False
    bottoms = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.settings = forks.settings(self.param, "segnet").upsample_param
        self.given = param.HasField("upsample_h") and param.HasField("upsample_w")
        self.scales = [param.scale] * 2
        if param.HasField("scale_h") and param.HasField("scale_w"):
            if param.HasField("scale"):
                raise self.error("gives scale beside scale_h and scale_w")
            self.scales = [param.scale_h, param.scale_w]
        elif param.HasField("scale_h") or param.HasField("scale_w"):
            raise self.error("needs both scale_h and scale_w, or none")
        if min(self.scales) < 1:
            raise self.error("needs a positive scale")
        self.padding = [int(param.pad_out_h), int(param.pad_out_w)]
        if any(pad and scale != 2 for pad, scale in zip(self.padding, self.scales)):
            raise self.error("pad_out_h and pad_out_w are for a scale of 2")
        if len(bottom) < 2 and (self.given or any(self.padding)):
            raise self.error("needs the pooling layer's second top as second bottom")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The size before the pooling."""
        shape, param = bottom[0].shape, self.settings
        if len(shape) != 4:
            raise self.error(f"needs a bottom of 4 axes, found {shape}")
        if len(bottom) > 1 and bottom[1].shape != shape:
            raise self.error(f"has places of shape {bottom[1].shape} for values of {shape}")
        sizes = [
            size * scale - pad for size, scale, pad in zip(shape[2:], self.scales, self.padding)
        ]
        if self.given:
            sizes = [param.upsample_h, param.upsample_w]
        top[0].reshape((*shape[:2], *sizes))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Put each value where it came from, or repeat it."""
        x = bottom[0].data
        if len(bottom) < 2:
            height, width = self.scales
            top[0].data = x.repeat_interleave(height, 2).repeat_interleave(width, 3)
            return
        places, shape = self._places(bottom[1], top[0]), top[0].shape
        result = torch.zeros(shape, device=x.device).flatten(2)
        top[0].data = result.scatter_(2, places, x.flatten(2)).view(shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """From each place, or the sum of the repetitions; places have no gradient."""
        if not propagate_down[0]:
            return
        shape, gradient = bottom[0].shape, top[0].diff
        if len(bottom) < 2:
            (height, width), (rows, columns) = self.scales, shape[2:]
            parts = gradient.reshape(*shape[:2], rows, height, columns, width)
            bottom[0].diff = parts.sum((3, 5))
        else:
            places = self._places(bottom[1], top[0])
            bottom[0].diff = gradient.flatten(2).gather(2, places).view(shape)

    def allows_force_backward(self, index: int) -> bool:
        """Places have no gradient."""
        return index == 0

    def _places(self, blob: Blob, top: Blob) -> Tensor:
        places = blob.data.to(torch.int64).flatten(2)
        size = top.shape[2] * top.shape[3]
        if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < size:
            raise self.error(
                f"found places up to {int(places.max())} for {size} positions",
                hint="its size is to be that of the pooling layer's bottom",
            )
        return places
