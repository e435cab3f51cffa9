"""Stochastic pooling: one value of each window, drawn as often as it is large.

Values are taken as weights and so should not be negative. In training one value x_k is drawn
with probability x_k / Σ x; in testing the top is what to expect, Σ x² / Σ x. Windows are cut at
the border, without padding. Caffe has this on a GPU only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.random_numbers import RandomNumbers

# Caffe's sum of weights begins at C's FLT_MIN, so that an empty window does not divide by zero.
SMALLEST = torch.finfo(torch.float32).tiny


def draw(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    pooled: Sequence[int],
    generator: RandomNumbers,
) -> tuple[Tensor, Tensor]:
    """The values drawn (N × C × pooled) and their places in the picture (h W + w)."""
    inside = windows(x, kernel, stride, pooled)
    sums = inside.cumsum(2)
    share = generator.uniform(sums[:, :, -1:].shape, 0, 1).to(x.device)
    thresholds = share * sums[:, :, -1:]
    chosen = (sums < thresholds).sum(2, keepdim=True).clamp_max_(inside.shape[2] - 1)
    rows, columns = (torch.arange(size, device=x.device) for size in pooled)
    row = chosen[:, :, 0] // kernel[1] + rows[:, None] * stride[0]
    column = chosen[:, :, 0] % kernel[1] + columns * stride[1]
    return inside.gather(2, chosen)[:, :, 0], row * x.shape[3] + column


def expect(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], pooled: Sequence[int]
) -> Tensor:
    """What a drawing gives on average (N × C × pooled)."""
    inside = windows(x, kernel, stride, pooled)
    return inside.square().sum(2) / (inside.sum(2) + SMALLEST)


def windows(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], pooled: Sequence[int]
) -> Tensor:
    """N × C × (kernel) × pooled; zeros where a window reaches over the border."""
    over = [(p - 1) * s + k - size for p, s, k, size in zip(pooled, stride, kernel, x.shape[2:])]
    x = functional.pad(x, (0, max(over[1], 0), 0, max(over[0], 0)))
    n, c, h, w = x.stride()
    view = x.as_strided(
        (*x.shape[:2], *kernel, *pooled), (n, c, h, w, h * stride[0], w * stride[1])
    )
    return view.reshape(*x.shape[:2], kernel[0] * kernel[1], *pooled)
