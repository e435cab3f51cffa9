"""The batch of a loss: what it must be, and what its sum is divided by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer
from caffe_mnist.schema import caffe_pb2

Loss = caffe_pb2.LossParameter


def normalizer(
    layer: Layer, outer: int, inner: int, valid: Tensor | None, unsaid: int = Loss.VALID
) -> float | Tensor:
    """The divisor, at least 1: all positions, the valid ones, the batch, or 1.

    `normalization` decides; without it the old `normalize` (true: VALID, false: BATCH_SIZE);
    without both, `unsaid`. `valid` marks the positions that are not ignored (None: all are).
    """
    param = layer.param.loss_param
    mode = param.normalization if param.HasField("normalization") else unsaid
    if not param.HasField("normalization") and param.HasField("normalize"):
        mode = Loss.VALID if param.normalize else Loss.BATCH_SIZE
    if mode == Loss.VALID and valid is not None:
        return torch.clamp_min(valid.sum(), 1)
    if mode in (Loss.FULL, Loss.VALID):
        return max(float(outer * inner), 1.0)
    return max(float(outer), 1.0) if mode == Loss.BATCH_SIZE else 1.0


def check_batches(layer: Layer, bottom: Sequence[Blob]) -> None:
    """Raise CaffeMnistError unless predictions and targets have the same first axis."""
    first, second = bottom[0].shape[:1], bottom[1].shape[:1]
    if not first or first != second:
        raise layer.error(
            "needs as many targets as predictions along the first axis, "
            f"found shapes {bottom[0].shape} and {bottom[1].shape}"
        )


def check_items(layer: Layer, blob: Blob) -> None:
    """Raise CaffeMnistError for more than 4 axes, where Caffe counts items the old way."""
    if len(blob.shape) > 4:
        raise layer.error(
            f"takes a bottom of at most 4 axes, found shape {blob.shape}",
            hint="a Flatten layer before it joins the last ones",
        )
