"""Normalize: each picture, or each of its positions, divided by its length. Of SSD's fork.

y = s x / sqrt(Σ x² + eps), the sum over the channels (or over all of a picture), s a learnt
factor a channel (or one for all).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.schema import caffe_pb2, forks


@layers.register("Normalize")
class Normalize(FunctionLayer):
    """Options of norm_param: across_spatial, channel_shared, scale_filler (1), eps.

    Bottom N × C × …; one parameter, of no axes or of C.
    """

    fork = "SSD"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the factor."""
        param = forks.settings(self.param, "ssd").norm_param
        if len(bottom[0].shape) < 2:
            raise self.error(f"needs a bottom of at least 2 axes, found {bottom[0].shape}")
        self.all, self.shared, self.eps = param.across_spatial, param.channel_shared, param.eps
        self.channels = bottom[0].shape[1]
        self.blobs.append(Parameter(() if self.shared else (self.channels,), self.device))
        filler = caffe_pb2.FillerParameter(type="constant", value=1)
        if param.HasField("scale_filler"):
            filler = param.scale_filler
        fill(self.blobs[0], filler, self.surroundings.generator, f"layer {self.name!r}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top has the bottom's shape."""
        if bottom[0].shape[1:2] != (self.channels,):
            raise self.error(f"has factors of {self.channels} channels, found {bottom[0].shape}")
        top[0].reshape(bottom[0].shape)

    def function(self, *inputs: Tensor) -> Tensor:
        """The formula."""
        x, factor = inputs
        axes = list(range(1, x.dim())) if self.all else [1]
        length = (x.square().sum(axes, keepdim=True) + self.eps).sqrt()
        if not self.shared:
            factor = factor.view(-1, *[1] * (x.dim() - 2))
        y: Tensor = x / length * factor
        return y
