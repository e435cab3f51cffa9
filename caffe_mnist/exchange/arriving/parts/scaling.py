"""Numbers for channels: a x + b, in the layer before where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, Drawn
from caffe_mnist.exchange.arriving.value import Array, Value

WEIGHTED = ("Convolution", "Deconvolution", "InnerProduct")


def channels_scaled(draft: Draft, value: Value, factor: Array, offset: Array | None) -> Value:
    """`factor` and `offset` have a number for each of the channels, axis 1 of the value."""
    maker = _foldable(draft, value, len(factor))
    if maker is not None:
        _fold(maker, factor, np.zeros_like(factor) if offset is None else offset)
        return value
    value = draft.plain(value)
    param: dict[str, Any] = {} if offset is None else {"bias_term": True}
    blobs = [factor] if offset is None else [factor, offset]
    settings: dict[str, Any] = {"scale_param": param} if param else {}
    return draft.layer("Scale", [value], value.shape, blobs=blobs, **settings)


def normalised(
    draft: Draft,
    value: Value,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
) -> Value:
    """BatchNorm by given statistics, folded or as Caffe's two layers."""
    if draft.style.batch_norm == "fold":
        factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
        return channels_scaled(draft, value, factor, beta - mean * factor)
    value = draft.plain(value)
    one = np.ones(1, np.float32)
    name = draft.hint
    made = draft.layer(
        "BatchNorm", [value], value.shape, blobs=[mean, variance, one],
        batch_norm_param={"use_global_stats": True, "eps": epsilon},
    )  # fmt: skip
    # Statistics are learnt by no gradient.
    for _ in range(3):
        draft.layers[-1].param.param.add(lr_mult=0, decay_mult=0)
    draft.hint = name + "_scale"
    made = draft.layer(
        "Scale", [made], value.shape, blobs=[gamma, beta], scale_param={"bias_term": True}
    )
    draft.hint = name
    return made


def _foldable(draft: Draft, value: Value, channels: int) -> Drawn | None:
    maker = draft.makers[value.blob]
    kind = maker.param.type
    fits = value.shape[:2] == value.held[:2] and not value.pads and len(value.shape) > 1
    if not fits or value.held[1] != channels or not draft.only_reader(value):
        return None
    if kind == "InnerProduct" and len(value.held) != 2:
        return None
    return (
        maker
        if kind in (*WEIGHTED, "Scale") and len(maker.param.bottom) == 1 and _own(maker, channels)
        else None
    )


def _own(maker: Drawn, channels: int) -> bool:
    """Whether the layer has a number a channel that can take it in."""
    return maker.param.type != "Scale" or (
        maker.blobs[0].shape == (channels,) and maker.param.scale_param.axis == 1
    )


def _fold(maker: Drawn, factor: Array, offset: Array) -> None:
    kind, blobs = maker.param.type, maker.blobs
    weights = blobs[0].astype(np.float64)
    if kind == "Deconvolution":  # channels × outputs/group × kernel
        group = maker.param.convolution_param.group or 1
        parts = weights.reshape(group, -1, *weights.shape[1:])
        shape = (group, 1, weights.shape[1], *(1,) * (weights.ndim - 2))
        scaled = (parts * factor.reshape(shape)).reshape(weights.shape)
    else:
        scaled = weights * factor.reshape(-1, *(1,) * (weights.ndim - 1))
    bias = factor * blobs[1] + offset if len(blobs) > 1 else offset
    blobs[0] = scaled.astype(np.float32)
    if len(blobs) > 1 or np.any(bias):
        blobs[1:] = [np.asarray(bias, np.float32)]
        if kind == "Scale":
            maker.param.scale_param.bias_term = True
        elif kind == "InnerProduct":
            maker.param.inner_product_param.ClearField("bias_term")
        else:
            maker.param.convolution_param.ClearField("bias_term")
