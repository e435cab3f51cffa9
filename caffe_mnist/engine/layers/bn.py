"""BN: batch normalisation with its scale and shift, as forks had it before Caffe's BatchNorm.

By `bn_param`, of two forks. SegNet's has two parameters (1 × C × 1 × 1), scale and shift:
y = s (x - mean) / sqrt(variance + 1e-9) + t by the batch's statistics, in testing too;
`bn_mode: INFERENCE` is y = s x + t, the statistics having been worked into both. PSPNet's
(and whoever gives no bn_param) has four (1 × C each): slope, bias, and the running mean and
variance (momentum times what they were and the rest of the batch's), by which it works in testing
and with `frozen`. Fillers that a net does not give are 0, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.schema import caffe_pb2, forks

SEGNET_EPS = 1e-9


@layers.register("BN")
class BN(FunctionLayer):
    """Options of bn_param: scale_filler, shift_filler, bn_mode; or slope_filler, bias_filler, …

    The latter with momentum, eps, frozen. Bottom N × C × …. May work in place.
    """

    fork = "SegNet, PSPNet"
    in_place = True
    loose_shapes = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the parameters; running statistics are not learnt."""
        if len(bottom[0].shape) < 2:
            raise self.error(f"needs a bottom of at least 2 axes, found {bottom[0].shape}")
        self.channels = bottom[0].shape[1]
        segnet = forks.settings(self.param, "segnet")
        self.segnet = segnet.HasField("bn_param")
        param: Any = segnet.bn_param
        if not self.segnet:
            param = forks.settings(self.param, "pspnet").bn_param
        self.settings = param
        names = ("scale_filler", "shift_filler") if self.segnet else ("slope_filler", "bias_filler")
        shape = (1, self.channels, 1, 1) if self.segnet else (1, self.channels)
        for name in names:
            self.blobs.append(Parameter(shape, self.device))
            filler, generator = getattr(param, name), self.surroundings.generator
            fill(self.blobs[-1], filler, generator, f"layer {self.name!r}")
        if not self.segnet:
            self._add_statistics(shape)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top has the bottom's shape."""
        if bottom[0].shape[1:2] != (self.channels,) or not bottom[0].count:
            raise self.error(f"has parameters of {self.channels} channels, found {bottom[0].shape}")
        top[0].reshape(bottom[0].shape)

    def function(self, *inputs: Tensor) -> Tensor:
        """The formula; in training, the running statistics take part of the batch's."""
        x, scale, shift = inputs[0], *(self._spread(one, inputs[0]) for one in inputs[1:3])
        if self.segnet and self.settings.bn_mode:  # INFERENCE
            return torch.addcmul(shift, x, scale)
        if not self.segnet and self._running():
            mean, variance = (self._spread(one.detach(), x) for one in inputs[3:5])
            return torch.addcmul(shift, (x - mean) / (variance + self.settings.eps).sqrt(), scale)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        mean = x.mean(axes, keepdim=True)
        variance = (x - mean).square().mean(axes, keepdim=True)
        if not self.segnet:
            self._remember(mean.detach(), variance.detach())
        eps = SEGNET_EPS if self.segnet else self.settings.eps
        return torch.addcmul(shift, (x - mean) / (variance + eps).sqrt(), scale)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """PyTorch's; of the parameters' only what learns."""
        super().backward(top, propagate_down, bottom)
        for blob, learns in zip(self.blobs, self.learns):
            if not learns:
                blob.clear_diff()

    def _running(self) -> bool:
        return self.phase == caffe_pb2.TEST or bool(self.settings.frozen)

    def _add_statistics(self, shape: tuple[int, ...]) -> None:
        """Running mean and variance; with `frozen` nothing at all is learnt."""
        for value in (0.0, float(self.settings.frozen)):
            self.blobs.append(Parameter(shape, self.device))
            self.blobs[-1].data = torch.full(shape, value)
        for index in range(4):
            if index == len(self.param.param):
                self.param.param.add()
            if index > 1 or self.settings.frozen:
                self.param.param[index].lr_mult = self.param.param[index].decay_mult = 0

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        keep = self.settings.momentum
        for blob, found in zip(self.blobs[2:], (mean, variance)):
            blob.data.mul_(keep).add_(found.reshape(blob.shape), alpha=1 - keep)

    def _spread(self, values: Tensor, x: Tensor) -> Tensor:
        return values.reshape(-1, *[1] * (x.dim() - 2))
