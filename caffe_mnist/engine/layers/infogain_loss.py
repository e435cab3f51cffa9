"""InfogainLoss: softmax, then -Σ H[label, k] log p_k, for labels that cost differently.

Bottoms: scores N × C × …, labels, and optionally H (C × C), which otherwise comes from a
`.binaryproto` file. Tops: the loss, without axes; optionally the probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.class_axis import class_axis
from caffe_mnist.engine.layers.normalization import check_batches, normalizer
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary

# Probabilities are kept above this before the logarithm (Caffe's kLOG_THRESHOLD).
SMALLEST = 1e-20


@layers.register("InfogainLoss")
class InfogainLoss(Layer):
    """Options: source, axis; loss_param.ignore_label and normalization."""

    bottoms = (2, 3)
    tops = (1, 2)
    loss_layer = True
    auto_tops = True
    matrix: Tensor

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the matrix unless it is a bottom."""
        if self.param.loss_param.HasField("normalize"):
            raise self.error("does not take loss_param.normalize", hint="use normalization")
        if len(bottom) < 3:
            param = self.param.infogain_loss_param
            if not param.HasField("source"):
                raise self.error("needs the matrix as source or as third bottom")
            blob = read_binary(param.source, caffe_pb2.BlobProto)
            shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
            self._check_matrix(shape, len(blob.data))
            values = np.array(blob.data, np.float32)
            self.matrix = torch.from_numpy(values).to(self.device)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A label for each prediction, a row and a column of the matrix for each class."""
        shape = bottom[0].shape
        axis = self.param.infogain_loss_param.axis
        self.axis, self.outer, self.classes, self.inner = class_axis(self, axis, *bottom[:2])
        check_batches(self, bottom)
        count = bottom[2].count if len(bottom) > 2 else self.matrix.numel()
        if count != self.classes**2:
            raise self.error(f"has a matrix of {count} values for {self.classes} classes")
        if len(bottom) > 2:
            self._check_matrix(bottom[2].shape, count)
        top[0].reshape(())
        if len(top) > 1:
            top[1].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Probabilities, weighted by each label's row of the matrix."""
        self.probabilities = torch.softmax(bottom[0].data, self.axis)
        classes = self.probabilities.reshape(self.outer, self.classes, self.inner)
        self.rows, self.valid = self._rows(bottom)
        losses = self.rows * classes.clamp_min(SMALLEST).log()
        self.normalizer = normalizer(self, self.outer, self.inner, self.valid)
        top[0].data = -losses.sum() / self.normalizer
        if len(top) > 1:
            top[1].data = self.probabilities

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """p_k times the row's sum, minus the row, normalised."""
        if any(propagate_down[1:]):
            raise self.error("cannot propagate to the labels or the matrix")
        if propagate_down[0]:
            classes = self.probabilities.reshape(self.outer, self.classes, self.inner)
            gradient = classes * self.rows.sum(1, keepdim=True) - self.rows
            gradient *= top[0].diff / self.normalizer
            bottom[0].diff = gradient.view(bottom[0].shape)

    def allows_force_backward(self, index: int) -> bool:
        """Labels have no gradient."""
        return index != 1

    def _rows(self, bottom: Sequence[Blob]) -> tuple[Tensor, Tensor | None]:
        """Each position's row of the matrix (outer × C × inner; zeros where ignored)."""
        param = self.param.loss_param
        matrix = bottom[2].data if len(bottom) > 2 else self.matrix
        labels = bottom[1].data.reshape(self.outer, self.inner).to(torch.int64)
        valid = labels != param.ignore_label if param.HasField("ignore_label") else None
        clean = labels if valid is None else labels * valid
        if clean.numel() and self.looks():
            self._check_labels(int(clean.min()), int(clean.max()))
        rows = matrix.reshape(self.classes, self.classes)[clean].transpose(1, 2)
        if valid is None:
            return rows, None
        return rows * valid.unsqueeze(1), valid

    def _check_labels(self, low: int, high: int) -> None:
        if low < 0 or high >= self.classes:
            raise self.error(
                f"found labels from {low} to {high}, "
                f"but there are {self.classes} classes (0 to {self.classes - 1})"
            )

    def _check_matrix(self, shape: Sequence[int], count: int) -> None:
        *others, height, width = (1, 1, *shape)
        if prod(others) != 1 or height != width or height * width != count:
            raise self.error(f"needs a square matrix, found {count} values of shape {shape}")
