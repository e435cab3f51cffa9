"""Losses of scores or probabilities against class labels: HingeLoss, MultinomialLogisticLoss.

Bottoms: N × C (any further axes count as classes) and N labels; optionally N weights, which
Caffe does not take (loss_weights.py). Top: one number without axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.loss_weights import (
    check_wanted,
    check_weights,
    class_weights,
    position_weights,
)
from caffe_mnist.engine.layers.normalization import check_items
from caffe_mnist.schema import caffe_pb2

# Probabilities are kept above this before the logarithm (Caffe's kLOG_THRESHOLD).
SMALLEST = 1e-20


class ClassLoss(Layer):
    """What both have in common: one label for each item, which has no gradient."""

    bottoms = (2, 3)
    loss_layer = True
    auto_tops = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One label for each item."""
        shape, labels = bottom[0].shape, bottom[1].shape
        check_items(self, bottom[0])
        if not shape or not labels or shape[0] != labels[0] or prod(labels) != shape[0]:
            raise self.error(f"needs one label an item, found shapes {shape} and {labels}")
        self.classes = prod(shape[1:])
        check_weights(self, bottom, shape[:1])
        self.class_weights = class_weights(self, self.classes)
        top[0].reshape(())

    def allows_force_backward(self, index: int) -> bool:
        """Labels and weights have no gradient."""
        return index == 0

    def labels(self, bottom: Sequence[Blob]) -> Tensor:
        """The labels as N × 1 places; raises CaffeMnistError for one that is no class."""
        labels = bottom[1].data.reshape(-1, 1).to(torch.int64)
        if not labels.numel() or not self.looks():
            return labels
        if not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise self.error(
                f"found labels from {int(labels.min())} to {int(labels.max())}, "
                f"but there are {self.classes} classes (0 to {self.classes - 1})"
            )
        return labels

    def wanted(self, propagate_down: Sequence[bool]) -> bool:
        """Whether the scores need a gradient; raises CaffeMnistError if another bottom does."""
        check_wanted(self, propagate_down, "labels")
        return propagate_down[0]

    def weights(self, bottom: Sequence[Blob], labels: Tensor) -> Tensor | float:
        """What each item counts (N × 1), 1 where all count alike."""
        weights = position_weights(bottom, bottom[0].shape[:1])
        if self.class_weights is None:
            return 1.0 if weights is None else weights.reshape(-1, 1)
        of_class = self.class_weights[labels]
        return of_class if weights is None else of_class * weights.reshape(-1, 1)


@layers.register("HingeLoss")
class HingeLoss(ClassLoss):
    """The mean over the batch of Σ max(0, 1 ± x), minus for the item's own class; L2: squared."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """How far each score is from its margin."""
        scores = bottom[0].data.reshape(bottom[0].shape[0], self.classes)
        labels = self.labels(bottom)
        self.item_weights = self.weights(bottom, labels)
        self.signs = torch.ones_like(scores).scatter_(1, labels, -1.0)
        self.margins = (scores * self.signs).add_(1).clamp_min_(0)
        self.squared = self.param.hinge_loss_param.norm == caffe_pb2.HingeLossParameter.L2
        losses = self.margins.square() if self.squared else self.margins
        top[0].data = (losses * self.item_weights).sum() / bottom[0].shape[0]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """±1 (L2: twice the margin) inside the margin, normalised."""
        if self.wanted(propagate_down):
            slope = self.margins * 2 if self.squared else self.margins.sign()
            gradient = slope.mul_(self.signs).mul_(top[0].diff / bottom[0].shape[0])
            bottom[0].diff = (gradient * self.item_weights).reshape(bottom[0].shape)


@layers.register("MultinomialLogisticLoss")
class MultinomialLogisticLoss(ClassLoss):
    """The mean over the batch of -log of the probability of the item's own class."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The logarithms of the chosen probabilities."""
        self.chosen = self.labels(bottom)
        probabilities = (
            bottom[0].data.reshape(len(self.chosen), self.classes).gather(1, self.chosen)
        )
        self.probabilities = probabilities.clamp_min_(SMALLEST)
        self.item_weights = self.weights(bottom, self.chosen)
        losses = self.probabilities.log() * self.item_weights
        top[0].data = -losses.sum() / bottom[0].shape[0]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """-1 / (N p) for the item's own class, nothing for the others."""
        if self.wanted(propagate_down):
            number = bottom[0].shape[0]
            slopes = -top[0].diff * self.item_weights / (number * self.probabilities)
            gradient = bottom[0].data.new_zeros(number, self.classes)
            bottom[0].diff = gradient.scatter_(1, self.chosen, slopes).view(bottom[0].shape)
