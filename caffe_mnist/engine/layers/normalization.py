"""What a loss is divided by (LossParameter.normalization)."""

from __future__ import annotations

import torch
from torch import Tensor

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
