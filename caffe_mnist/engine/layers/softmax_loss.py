"""SoftmaxWithLoss: the mean of -log of the probability of each label.

Bottoms: scores N × C × … and labels N × … (one for each position outside the class axis);
optionally weights of these positions, which Caffe does not take (loss_weights.py).
Tops: the loss, without axes; optionally the probabilities, in the shape of the scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.class_axis import class_axis
from caffe_mnist.engine.layers.loss_weights import (
    check_wanted,
    check_weights,
    class_weights,
    position_weights,
)
from caffe_mnist.engine.layers.normalization import check_batches, normalizer

# Caffe keeps a probability from below at C's FLT_MIN before the logarithm.
SMALLEST = torch.finfo(torch.float32).tiny


@layers.register("SoftmaxWithLoss")
class SoftmaxWithLoss(Layer):
    """Options: softmax_param.axis, loss_param.ignore_label and normalization, class_weighting."""

    bottoms = (2, 3)
    tops = (1, 2)
    loss_layer = True
    auto_tops = True
    weighs_first_alone = True  # none suits Caffe's second top

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The loss has no axes; one label is needed for each prediction."""
        shape = bottom[0].shape
        axis = self.param.softmax_param.axis
        self.axis, self.outer, self.classes, self.inner = class_axis(self, axis, *bottom[:2])
        check_batches(self, bottom)
        self.positions = (*shape[: self.axis], *shape[self.axis + 1 :])
        check_weights(self, bottom, self.positions)
        self.class_weights = class_weights(self, self.classes)
        top[0].reshape(())
        if len(top) > 1:
            top[1].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Probabilities, then the normalised sum of their negative logarithms."""
        self.probabilities = torch.softmax(bottom[0].data, self.axis)
        self.labels = bottom[1].data.reshape(self.outer, 1, self.inner).to(torch.int64)
        self.valid = self._valid(self.labels)
        labels = self.labels if self.valid is None else self.labels * self.valid
        classes = self.probabilities.reshape(self.outer, self.classes, self.inner)
        try:
            chosen = classes.gather(1, labels)
        except (IndexError, RuntimeError):
            raise self._bad_label(labels) from None
        losses = chosen.clamp_min_(SMALLEST).log_()
        if self.valid is not None:
            losses.mul_(self.valid)
        self.weights = self._weights(bottom, labels)
        if self.weights is not None:
            losses.mul_(self.weights)
        self.normalizer = normalizer(self, self.outer, self.inner, self.valid)
        top[0].data = -losses.sum() / self.normalizer
        if len(top) > 1:
            top[1].data = self.probabilities

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Probabilities minus the one-hot labels, normalised; nothing where ignored."""
        check_wanted(self, propagate_down, "labels")
        if not propagate_down[0]:
            return
        gradient = self.probabilities.reshape(self.outer, self.classes, self.inner).clone()
        labels = self.labels if self.valid is None else self.labels * self.valid
        gradient.scatter_add_(1, labels, gradient.new_full((1, 1, 1), -1).expand_as(labels))
        if self.valid is not None:
            gradient.mul_(self.valid)
        if self.weights is not None:
            gradient.mul_(self.weights)
        gradient.mul_(top[0].diff / self.normalizer)
        bottom[0].diff = gradient.view(bottom[0].shape)

    def allows_force_backward(self, index: int) -> bool:
        """Labels and weights have no gradient."""
        return index == 0

    def _weights(self, bottom: Sequence[Blob], labels: Tensor) -> Tensor | None:
        """What each position counts (outer × 1 × inner); None where all count alike."""
        weights = position_weights(bottom, self.positions)
        if weights is not None:
            weights = weights.reshape(labels.shape)
        if self.class_weights is None:
            return weights
        of_class = self.class_weights[labels]
        return of_class if weights is None else of_class * weights

    def _valid(self, labels: Tensor) -> Tensor | None:
        param = self.param.loss_param
        return labels != param.ignore_label if param.HasField("ignore_label") else None

    def _bad_label(self, labels: Tensor) -> Exception:
        low, high = int(labels.min()), int(labels.max())
        found = low if low < 0 else high
        return self.error(
            f"found label {found}, but the bottom has {self.classes} classes "
            f"(0 to {self.classes - 1})",
            hint="check num_output of the layer before, or the dataset's labels",
        )
