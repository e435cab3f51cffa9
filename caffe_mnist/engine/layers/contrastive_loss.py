"""ContrastiveLoss: pairs that belong together are drawn near, others pushed out of a margin.

Bottoms: features a and b (N × C), and N marks (1: the pair is similar). With d = |a - b|, a
similar pair costs d², another max(0, margin - d)²; `legacy_version` max(0, margin - d²).
The top is half the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers

# Caffe divides by d plus this in the gradient, so that equal features do not divide by zero.
SMALL_DISTANCE = 1e-4


@layers.register("ContrastiveLoss")
class ContrastiveLoss(Layer):
    """Options: margin, legacy_version."""

    bottoms = (3, 3)
    loss_layer = True
    auto_tops = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Two features of one shape N × C (further axes of size 1) and a mark for each pair."""
        first, second, marks = (blob.shape for blob in bottom)
        if len(first) < 2 or prod(first[2:]) != 1 or first[:2] != second[:2]:
            raise self.error(f"needs two bottoms of N × C, found {first} and {second}")
        if marks[:1] != first[:1] or prod(marks) != first[0] or prod(second[2:]) != 1:
            raise self.error(f"needs a mark for each of {first[0]} pairs, found shape {marks}")
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Distances, then what they cost."""
        param = self.param.contrastive_loss_param
        number = bottom[0].shape[0]
        first, second = (blob.data.reshape(number, blob.shape[1]) for blob in bottom[:2])
        marks = bottom[2].data.reshape(number, 1)
        self.difference = first - second
        self.similar = marks.to(torch.int32) != 0
        squares = self.difference.square().sum(1, keepdim=True)
        if param.legacy_version:
            self.gap = (param.margin - squares).clamp_min_(0)
            apart = self.gap
        else:
            self.distances = squares.sqrt()
            self.gap = (param.margin - self.distances).clamp_min_(0)
            apart = self.gap.square()
        top[0].data = torch.where(self.similar, squares, apart).sum() / (2 * number)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Along the difference of the features, to both sides with opposite signs."""
        if propagate_down[2]:
            raise self.error("cannot propagate to the marks of similar pairs")
        if self.param.contrastive_loss_param.legacy_version:
            push = self.gap.sign()
        else:
            push = self.gap / (self.distances + SMALL_DISTANCE)
        slope = torch.where(self.similar, 1.0, -push) * (top[0].diff / bottom[0].shape[0])
        for blob, down, sign in zip(bottom, propagate_down, (1, -1)):
            if down:
                blob.diff = (self.difference * (slope * sign)).reshape(blob.shape)

    def allows_force_backward(self, index: int) -> bool:
        """The marks have no gradient."""
        return index != 2
