"""Reduction: one number for all axes from `axis` on."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import caffe_pb2

Kinds = caffe_pb2.ReductionParameter


@layers.register("Reduction")
class Reduction(Layer):
    """`coeff` times the SUM, ASUM (of absolute values), SUMSQ (of squares) or MEAN."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The axes before `axis` stay."""
        param, shape = self.param.reduction_param, bottom[0].shape
        axis = self.canonical_axis(param.axis, bottom[0])
        self.rows, self.size = prod(shape[:axis]), prod(shape[axis:])
        self.factor = param.coeff
        if param.operation == Kinds.MEAN:
            self.factor /= max(self.size, 1)
        top[0].reshape(shape[:axis])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up each row."""
        x, operation = self._as_rows(bottom[0].data), self.param.reduction_param.operation
        if operation == Kinds.ASUM:
            x = x.abs()
        elif operation == Kinds.SUMSQ:
            x = x * x
        top[0].data = x.sum(1).mul_(self.factor).view(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """dy coeff, times sign(x) for ASUM and 2 x for SUMSQ."""
        if not propagate_down[0]:
            return
        dy = top[0].diff.reshape(self.rows, 1) * self.factor
        x, operation = self._as_rows(bottom[0].data), self.param.reduction_param.operation
        if operation == Kinds.ASUM:
            dx = x.sign() * dy
        elif operation == Kinds.SUMSQ:
            dx = x * (2 * dy)
        else:
            dx = torch.empty_like(x).copy_(dy)
        bottom[0].diff = dx.view(bottom[0].shape)

    def _as_rows(self, values: Tensor) -> Tensor:
        return values.reshape(self.rows, self.size)
