"""Losses against targets of the predictions' size: EuclideanLoss, SigmoidCrossEntropyLoss.

Both tops are one number without axes. A third bottom may weigh the elements or the items, which
Caffe's do not take (loss_weights.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.loss_weights import (
    check_wanted,
    check_weights,
    class_weights,
    position_weights,
)
from caffe_mnist.engine.layers.normalization import check_batches, check_items, normalizer
from caffe_mnist.schema import caffe_pb2


@layers.register("EuclideanLoss")
class EuclideanLoss(Layer):
    """Half the mean over the batch of the squared distance: Σ (a - b)² / 2N.

    Both bottoms get gradients, ±(a - b) / N.
    """

    bottoms = (2, 3)
    loss_layer = True
    auto_tops = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Both bottoms have as many items, and as many values in each."""
        check_batches(self, bottom)
        check_items(self, bottom[0])
        sizes = [prod(blob.shape[1:]) for blob in bottom]
        if sizes[0] != sizes[1]:
            raise self.error(f"compares {sizes[0]} values an item with {sizes[1]}")
        check_weights(self, bottom, bottom[0].shape)
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The squared length of the difference."""
        second = bottom[1].data
        self.difference = bottom[0].data - second.reshape(bottom[0].shape)
        flat = weighted = self.difference.reshape(-1)
        weights = position_weights(bottom, bottom[0].shape)
        if weights is not None:
            self.difference = self.difference * weights
            weighted = self.difference.reshape(-1)
        top[0].data = torch.dot(flat, weighted) / (2 * bottom[0].shape[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The difference, to both sides with opposite signs."""
        if propagate_down[2:] and propagate_down[2]:
            raise self.error("cannot propagate to the weights")
        for blob, down, sign in zip(bottom, propagate_down, (1, -1)):
            if down:
                gradient = self.difference * (top[0].diff * (sign / max(blob.shape[0], 1)))
                blob.diff = gradient.reshape(blob.shape)

    def allows_force_backward(self, index: int) -> bool:
        """Weights have no gradient."""
        return index < 2


@layers.register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Layer):
    """-Σ (t log p + (1 - t) log(1 - p)) of p = sigmoid(x), over the normaliser.

    Options: loss_param.ignore_label (a target of that whole number counts for nothing) and
    normalization, by the batch unless the net says otherwise; class_weighting, one a channel.
    """

    bottoms = (2, 3)
    loss_layer = True
    auto_tops = True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One target for each prediction."""
        check_batches(self, bottom)
        if bottom[0].count != bottom[1].count:
            raise self.error(
                f"needs a target for each prediction, found {bottom[1].count} for {bottom[0].count}"
            )
        shape = bottom[0].shape
        self.outer, self.inner = shape[0], prod(shape[1:])
        check_weights(self, bottom, shape)
        of_class = class_weights(self, shape[1] if len(shape) > 1 else 1)
        self.class_weights = None
        if of_class is not None:
            self.class_weights = of_class.view(-1, *[1] * (len(shape) - 2))
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """log(1 + exp(x)) - x t, in a form that does not overflow."""
        x, param = bottom[0].data, self.param.loss_param
        self.targets = bottom[1].data.reshape(x.shape)
        self.probabilities = torch.sigmoid(x)
        losses = functional.softplus(x).sub_(x * self.targets)
        self.weights = position_weights(bottom, x.shape)
        if self.class_weights is not None:
            weights = self.class_weights
            self.weights = weights if self.weights is None else weights * self.weights
        if self.weights is not None:
            losses.mul_(self.weights)
        self.valid = None
        if param.HasField("ignore_label"):
            self.valid = self.targets.to(torch.int32) != param.ignore_label
            losses.mul_(self.valid)
        self.normalizer = normalizer(
            self, self.outer, self.inner, self.valid, caffe_pb2.LossParameter.BATCH_SIZE
        )
        top[0].data = losses.sum() / self.normalizer

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Probability minus target, normalised; nothing where ignored."""
        check_wanted(self, propagate_down, "targets")
        if not propagate_down[0]:
            return
        gradient = self.probabilities - self.targets
        if self.valid is not None:
            gradient.mul_(self.valid)
        if self.weights is not None:
            gradient.mul_(self.weights)
        bottom[0].diff = gradient.mul_(top[0].diff / self.normalizer)

    def allows_force_backward(self, index: int) -> bool:
        """Targets and weights have no gradient."""
        return index == 0
