"""Interp: bilinear resizing, corners on corners. A layer of DeepLab's and PSPNet's forks.

Output sizes are of the bottom after padding (which must crop: it is 0 or less): `height` and
`width`; or (s - 1) / shrink_factor + 1 and then s + (s - 1) (zoom_factor - 1); or those of a
second bottom.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.schema import forks


@layers.register("Interp")
class Interp(FunctionLayer):
    """Options of interp_param: height, width, zoom_factor, shrink_factor, pad_beg, pad_end."""

    fork = "PSPNet"
    bottoms = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.settings = forks.settings(self.param, "pspnet").interp_param
        if param.pad_beg > 0 or param.pad_end > 0:
            raise self.error("takes only a padding of 0 or less, which crops")
        if min(param.zoom_factor, param.shrink_factor) < 1 or min(param.height, param.width) < 0:
            raise self.error("needs factors of at least 1, and a positive height and width")
        if bool(param.height) != bool(param.width):
            raise self.error("needs both height and width, or none")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The size as the settings say."""
        param = self.settings
        if len(bottom[0].shape) != 4 or len(bottom[-1].shape) != 4:
            raise self.error(f"needs bottoms of 4 axes, found {bottom[0].shape}")
        sizes = [size + param.pad_beg + param.pad_end for size in bottom[0].shape[2:]]
        if min(sizes) < 1:
            raise self.error(f"crops all of a bottom of shape {bottom[0].shape}")
        if len(bottom) > 1:
            sizes = list(bottom[1].shape[2:])
        elif param.height:
            sizes = [param.height, param.width]
        else:
            sizes = [(size - 1) // param.shrink_factor + 1 for size in sizes]
            sizes = [size + (size - 1) * (param.zoom_factor - 1) for size in sizes]
        self.check_not_empty(bottom[-1])
        top[0].reshape((*bottom[0].shape[:2], *sizes))
        self.sizes = sizes

    def function(self, *inputs: Tensor) -> Tensor:
        """Crop, then resize."""
        x, before, after = inputs[0], -self.settings.pad_beg, -self.settings.pad_end
        x = x[:, :, before : x.shape[2] - after, before : x.shape[3] - after]
        return functional.interpolate(x, self.sizes, mode="bilinear", align_corners=True)
