"""Where a net begins or ends without data: Parameter (a learnt blob), Silence (no reader)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.layer import Layer, layers


@layers.register("Parameter")
class LearntBlob(Layer):
    """The top is a learnt blob of parameter_param.shape, zeros at first."""

    bottoms = (0, 0)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate it."""
        self.blobs.append(Parameter(tuple(self.param.parameter_param.shape.dim), self.device))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The parameter's shape."""
        top[0].reshape(self.blobs[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top is the parameter itself."""
        top[0].data = self.blobs[0].data

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The gradient replaces what the parameter had (in Caffe both share their memory)."""
        if self.learns[0]:
            self.blobs[0].diff = top[0].diff.clone()


@layers.register("Silence")
class Silence(Layer):
    """Reads blobs so that they are no outputs of the net; their gradient is 0."""

    bottoms = (1, None)
    tops = (0, 0)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing to compute."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Zeros."""
        for blob, down in zip(bottom, propagate_down):
            if down:
                blob.diff = torch.zeros(blob.shape, device=self.device)
