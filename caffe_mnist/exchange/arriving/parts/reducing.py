"""Means, sums and maxima along axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.arithmetic import power
from caffe_mnist.exchange.arriving.parts.convolving import pointwise
from caffe_mnist.exchange.arriving.parts.pooling import everywhere, pooled
from caffe_mnist.exchange.arriving.value import BATCH, Value, words


def reduced(
    draft: Draft, value: Value, axes: Sequence[int], method: str, *, keep: bool = False
) -> Value:
    """`method` is MEAN, SUM or MAX; with `keep` the axes stay, with a size of 1."""
    shape = value.shape
    rank = len(shape)
    axes = sorted({axis % rank for axis in axes} or range(rank))
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    made = kept if keep else tuple(size for axis, size in enumerate(shape) if axis not in axes)
    count = prod(shape[axis] for axis in axes)
    if 0 in axes or count % BATCH == 0:
        raise UnfitError(f"reduces {words(shape)} along the batch")
    if count == 1:
        return draft.plain(value).seen_as(made)
    found = _reduced(draft, draft.plain(value), axes, method, count)
    return found.seen_as(made)


def _reduced(draft: Draft, value: Value, axes: list[int], method: str, count: int) -> Value:
    shape, rank = value.shape, len(value.shape)
    pictures = axes == list(range(2, rank)) and 3 <= rank <= 5
    if pictures and method != "SUM":
        return everywhere(draft, value, "AVE" if method == "MEAN" else "MAX")
    if axes == list(range(axes[0], rank)) and method != "MAX":
        param = {"operation": method, "axis": axes[0]}
        return draft.layer("Reduction", [value], shape[: axes[0]], reduction_param=param)
    if axes == [1] and rank in (3, 4, 5) and method != "MAX":
        numbers = np.full((1, shape[1]), 1 / count if method == "MEAN" else 1.0)
        return pointwise(draft, value, numbers, role="")
    if len(axes) == axes[-1] - axes[0] + 1:  # axes in a row are one: windows as high as that
        flat = (shape[0], prod(shape[1 : axes[0]]), count, prod(shape[axes[-1] + 1 :]))
        stood = draft.plain(value.seen_as(flat))
        none = ((0, 0), (0, 0))
        way = "MAX" if method == "MAX" else "AVE"
        found = pooled(draft, stood, way, (count, 1), (1, 1), none)
        return power(draft, found, scale=count, role="sum") if method == "SUM" else found
    raise UnfitError(f"reduces axes {', '.join(map(str, axes))} of {words(shape)}")
