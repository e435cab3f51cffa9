"""Depthwise convolutions under the names that forks gave them; Convolution with a group a channel.

`ConvolutionDepthwise` (farmingyard/caffe-mobilenet and ShuffleNet v2) has as many groups as
channels whatever `group` says; `DepthwiseConvolution` (yonghenglh6) is told so by `group`.
"""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.convolution import Convolution


@layers.register("DepthwiseConvolution")
class DepthwiseConvolution(Convolution):
    """Convolution, whose `group` is usually the number of channels."""

    fork = "MobileNet"


@layers.register("ConvolutionDepthwise")
class ConvolutionDepthwise(Convolution):
    """Convolution of each channel by itself: as many groups as channels."""

    fork = "MobileNet"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many groups as there are channels."""
        param = self.param.convolution_param
        axis = self.canonical_axis(param.axis, bottom[0])
        if axis < len(bottom[0].shape):
            param.group = bottom[0].shape[axis]
        super().setup(bottom, top)
