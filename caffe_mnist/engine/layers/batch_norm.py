"""BatchNorm: each channel less its mean, over its standard deviation.

y = (x - mean) / sqrt(variance + eps), over the batch (and all positions), or by the running
statistics. These are three blobs that no solver touches: the decayed sums of means (C) and of
unbiased variances (C), and the decayed count (1) that both are divided by.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.precision import Part
from caffe_mnist.schema import caffe_pb2

# Beyond so many deviations the mean is subtracted first, as Caffe always does.
FAR = 5


@layers.register("BatchNorm")
class BatchNorm(Layer):
    """Options: use_global_stats (by default in testing), moving_average_fraction, eps.

    Bottom N × C × …. May work in place.
    """

    in_place = True
    always_propagates = True
    part = Part.EITHER

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the statistics, zeros at first, with a learning rate of 0."""
        param, shape = self.param.batch_norm_param, bottom[0].shape
        self.eps, self.fraction = param.eps, param.moving_average_fraction
        self.running = self.phase == caffe_pb2.TEST
        if param.HasField("use_global_stats"):
            self.running = param.use_global_stats
        if len(shape) < 2:
            raise self.error(f"needs a bottom of at least 2 axes, found {len(shape)}")
        self.channels = shape[1]
        for index, size in enumerate((self.channels, self.channels, 1)):
            self.blobs.append(Parameter((size,), self.device))
            if index == len(self.param.param):
                self.param.param.add(lr_mult=0.0)
            elif self.param.param[index].lr_mult != 0:
                raise self.error("cannot learn its statistics", hint="give its params lr_mult: 0")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top has the bottom's shape."""
        shape = bottom[0].shape
        if shape[1:2] != (self.channels,):
            raise self.error(f"has statistics of {self.channels} channels, found shape {shape}")
        if not self.running and not bottom[0].count:
            raise self.error(f"has no statistics of an empty batch (shape {shape})")
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise; in training, add the batch's statistics to the running ones."""
        self.x = x = bottom[0].data
        if self.running:
            mean, variance = self._running_statistics()
            self.inverse = torch.rsqrt(variance + self.eps)
            y = (x - self._spread(mean)).mul_(self._spread(self.inverse))
        else:
            y, mean, variance = self._by_batch(x)
            if self._far(mean):
                self.x = x - self._spread(mean)
                y, rest, variance = self._by_batch(self.x)
                mean = mean + rest
            self._add_to_running(mean, variance)
        top[0].data = y.to(x.dtype)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """By running statistics dx = dy / deviation, else through those of the batch too."""
        if not propagate_down[0]:
            return
        dy = top[0].diff
        if self.running:
            dx = (dy * self._spread(self.inverse)).to(dy.dtype)
        else:
            gradient = dy.to(self.x.dtype)
            dx, _, _ = torch.ops.aten.native_batch_norm_backward(
                gradient, self.x, None, None, None, self.mean, self.inverse, True, self.eps,
                [True, False, False],
            )  # fmt: skip
        bottom[0].diff = dx.to(dy.dtype)

    def _by_batch(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The normalised values, the means and the unbiased variances."""
        mean, variance = (torch.zeros_like(blob.data) for blob in self.blobs[:2])
        y, self.mean, self.inverse = torch.native_batch_norm(
            x, None, None, mean, variance, True, 1.0, self.eps
        )
        return y, mean, variance

    def _far(self, mean: Tensor) -> bool:
        """Whether a mean is so many deviations from 0 that the library's x a - b loses digits.

        On a GPU the library subtracts first; and there the question would wait for the answer.
        """
        if mean.device.type != "cpu":
            return False
        return bool((mean.abs() * self.inverse).amax() > FAR)

    def _running_statistics(self) -> tuple[Tensor, Tensor]:
        count = self.blobs[2].data
        factor = torch.where(count == 0, 0.0, 1 / count)
        return self.blobs[0].data * factor, self.blobs[1].data * factor

    def _add_to_running(self, mean: Tensor, variance: Tensor) -> None:
        if self.x.numel() == self.channels:  # one value: the unbiased variance would be 0 / 0
            variance = torch.zeros_like(variance)
        for blob, values in zip(self.blobs, (mean, variance, torch.ones_like(self.blobs[2].data))):
            blob.data.mul_(self.fraction).add_(values)

    def _spread(self, values: Tensor) -> Tensor:
        return values.view(-1, *[1] * (self.x.dim() - 2))
