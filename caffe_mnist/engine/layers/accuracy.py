"""Accuracy: the share of labels among the `top_k` highest scores.

Bottoms: scores N × C × … and labels. Tops: the accuracy, without axes; optionally the accuracy
of each class. A label counts when fewer than `top_k` other scores are as high as its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.class_axis import class_axis


@layers.register("Accuracy")
class Accuracy(Layer):
    """Options: top_k, axis, ignore_label. Has no gradient."""

    bottoms = (2, 2)
    tops = (1, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that there is a label for each prediction."""
        param = self.param.accuracy_param
        _, self.outer, self.classes, self.inner = class_axis(self, param.axis, *bottom)
        if param.top_k > self.classes:
            raise self.error(f"top_k {param.top_k} is more than the {self.classes} classes")
        top[0].reshape(())
        if len(top) > 1:
            top[1].reshape((self.classes,))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Count the labels that are among the best."""
        param = self.param.accuracy_param
        scores = bottom[0].data.reshape(self.outer, self.classes, self.inner)
        labels = bottom[1].data.reshape(self.outer, 1, self.inner).to(torch.int64)
        counted = torch.ones_like(labels, dtype=torch.bool)
        if param.HasField("ignore_label"):
            counted = labels != param.ignore_label
        clean = labels * counted
        try:
            own = scores.gather(1, clean)
        except (IndexError, RuntimeError):
            raise self.error(
                f"found a label outside 0 to {self.classes - 1}", hint="check the dataset's labels"
            ) from None
        hits = ((scores >= own).sum(1, keepdim=True) - 1 < param.top_k) & counted
        top[0].data = hits.sum() / counted.sum().clamp_min(1)
        if len(top) > 1:
            each = [
                torch.zeros(self.classes, device=self.device).index_add_(
                    0, clean.flatten(), marks.flatten().float()
                )
                for marks in (hits, counted)
            ]
            top[1].data = each[0] / each[1].clamp_min(1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing to do; asking for a gradient is an error."""
        if any(propagate_down):
            raise self.error("has no gradient")
