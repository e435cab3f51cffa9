"""The input patches under each position of a kernel, as one matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.layers.geometry import Geometry


def patches(x: Tensor, geometry: Geometry, sizes: Sequence[int]) -> Tensor:
    """Of N × C × H × W, the matrix (C kernel) × (N positions); rows in the weights' order.

    Written row by row: each is a shifted image, so the copy runs over long stretches of memory.
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (
        geometry.kernel, geometry.stride, geometry.pad, geometry.dilation,
    )  # fmt: skip
    if ph or pw:
        x = functional.pad(x, (pw, pw, ph, ph))
    number, channels = x.shape[:2]
    n, c, h, w = x.stride()
    view = x.as_strided(
        (channels, kh, kw, number, sizes[0], sizes[1]),
        (c, h * dh, w * dw, n, h * sh, w * sw),
    )
    columns = torch.empty(view.shape, dtype=x.dtype, device=x.device)
    return columns.copy_(view).view(channels * kh * kw, -1)
