"""Convolutions and their transposes, whatever is around the picture.

Caffe pads both sides of an axis alike. Where the other program does not, the kernel gets rows or
columns of zeros on the side with less: the same sums, in the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.padding import Pairs, bare
from caffe_mnist.exchange.arriving.value import BATCH, Array, Value, words


def convolution(
    draft: Draft,
    value: Value,
    weights: Array,
    bias: Array | None,
    strides: Sequence[int],
    pads: Pairs,
    dilations: Sequence[int],
    group: int,
    *,
    role: str = "",
) -> Value:
    """Weights are num_output × channels/group × kernel, as in Caffe."""
    value, outside = bare(draft, value)
    axes = weights.ndim - 2
    _check(value, weights, axes, weights.shape[1] * group)
    pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(outside, pads))
    both = []
    for axis, (before, after) in enumerate(pads):
        weights = _widened(weights, axis, after - before, dilations[axis])
        both.append(max(before, after))
    sizes = [
        (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        for size, pad, dilation, kernel, stride in zip(
            value.shape[2:], both, dilations, weights.shape[2:], strides
        )
    ]
    _check_sizes(sizes)
    return _layer(
        draft, "Convolution", value, (value.shape[0], weights.shape[0], *sizes), weights, bias,
        weights.shape[0], strides, both, dilations, group, role,
    )  # fmt: skip


def transposed(
    draft: Draft,
    value: Value,
    weights: Array,
    bias: Array | None,
    strides: Sequence[int],
    pads: Pairs,
    dilations: Sequence[int],
    group: int,
    *,
    more: Sequence[int] = (),
    role: str = "",
) -> Value:
    """Weights are channels × num_output/group × kernel, as in Caffe.

    `pads` are what is cut off before and after; `more` is what is added behind (output_padding).
    """
    value = draft.plain(value)
    axes = weights.ndim - 2
    _check(value, weights, axes, weights.shape[0])
    both, sizes = [], []
    for axis, (before, after) in enumerate(pads):
        after -= more[axis] if more else 0
        # The full result is kernel - 1 longer than the picture: zeros behind the kernel are zeros
        # behind the result, of which `both` is cut off again.
        weights = _widened(weights, axis, after - before, dilations[axis])
        pad = max(before, after)
        if pad < 0:
            raise UnfitError("adds more rows than it cuts off")
        both.append(pad)
        reach = dilations[axis] * (weights.shape[2 + axis] - 1) + 1
        sizes.append(strides[axis] * (value.shape[2 + axis] - 1) + reach - 2 * pad)
    _check_sizes(sizes)
    outputs = weights.shape[1] * group
    return _layer(
        draft, "Deconvolution", value, (value.shape[0], outputs, *sizes), weights, bias,
        outputs, strides, both, dilations, group, role,
    )  # fmt: skip


def depthwise(
    draft: Draft,
    value: Value,
    kernel: Array,
    strides: Sequence[int],
    pads: Pairs,
    *,
    role: str,
) -> Value:
    """The same kernel for each channel by itself."""
    channels = value.shape[1]
    weights = np.broadcast_to(kernel, (channels, 1, *kernel.shape)).astype(np.float32)
    ones = (1,) * kernel.ndim
    return convolution(draft, value, weights, None, strides, pads, ones, channels, role=role)


def pointwise(draft: Draft, value: Value, matrix: Array, *, role: str) -> Value:
    """Each pixel's channels times a matrix of outputs × channels."""
    axes = len(value.shape) - 2
    weights = matrix.astype(np.float32).reshape(*matrix.shape, *(1,) * axes)
    ones, none = (1,) * axes, ((0, 0),) * axes
    return convolution(draft, value, weights, None, ones, none, ones, 1, role=role)


def product(
    draft: Draft, value: Value, weights: Array, bias: Array | None, *, role: str = ""
) -> Value:
    """InnerProduct over the last axis; weights are outputs × inputs."""
    shape = value.shape
    if weights.shape[1] != shape[-1]:
        raise UnfitError(f"multiplies {words(shape)} by weights for {weights.shape[1]} numbers")
    # InnerProduct flattens by itself: what was only flattened for it stays as it is.
    flat = len(shape) == 2 and value.held[:1] == shape[:1] and not value.pads
    taken = value if flat else draft.plain(value)
    param: dict[str, Any] = {"num_output": weights.shape[0]}
    if len(shape) != 2:
        param["axis"] = len(shape) - 1
    if len(shape) < 2:
        raise UnfitError(f"multiplies {words(shape)}, which is no batch")
    if bias is None:
        param["bias_term"] = False
    blobs = [weights] if bias is None else [weights, bias.reshape(-1)]
    made = (*shape[:-1], weights.shape[0])
    return draft.layer(
        "InnerProduct", [taken], made, role=role, blobs=blobs, inner_product_param=param
    )


def _check(value: Value, weights: Array, axes: int, channels: int) -> None:
    if not 1 <= axes <= 3 or len(value.shape) != axes + 2:
        raise UnfitError(f"convolves {words(value.shape)} by a kernel of {axes} axes")
    if value.shape[1] != channels:
        raise UnfitError(f"takes {channels} channels, and has {words(value.shape)}")
    if BATCH in value.shape[1:]:
        raise UnfitError(f"works along the batch: {words(value.shape)}")


def _check_sizes(sizes: Sequence[int]) -> None:
    if min(sizes) < 1:
        raise UnfitError("leaves nothing of the picture", hint="--input-shape gives a larger one")


def _widened(weights: Array, axis: int, more_behind: int, dilation: int) -> Array:
    """Zeros before the kernel, if that is positive, or behind it."""
    if not more_behind:
        return weights
    if more_behind % dilation:
        raise UnfitError(
            f"pads by {abs(more_behind)} more on one side, at a dilation of {dilation}"
        )
    more = abs(more_behind) // dilation
    widths = [(0, 0)] * weights.ndim
    widths[axis + 2] = (more, 0) if more_behind > 0 else (0, more)
    return np.pad(weights, widths)


def _layer(
    draft: Draft,
    kind: str,
    value: Value,
    shape: tuple[int, ...],
    weights: Array,
    bias: Array | None,
    outputs: int,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int,
    role: str,
) -> Value:
    param: dict[str, Any] = {"num_output": outputs}
    if bias is None:
        param["bias_term"] = False
    param.update(axes_of("pad", pads, 0))
    param.update(axes_of("kernel", weights.shape[2:], None))
    param.update(axes_of("stride", strides, 1))
    if set(dilations) != {1}:
        param["dilation"] = list(dilations) if len(set(dilations)) > 1 else [dilations[0]]
    if group > 1:
        param["group"] = group
    blobs = [weights] if bias is None else [weights, bias.reshape(-1)]
    return draft.layer(kind, [value], shape, role=role, blobs=blobs, convolution_param=param)


def axes_of(name: str, sizes: Sequence[int], usual: int | None) -> dict[str, Any]:
    """`kernel_size: 3`, or `kernel_h: 3 kernel_w: 5`; nothing for the usual."""
    whole = "kernel_size" if name == "kernel" else name
    if len(set(sizes)) == 1:
        return {} if sizes[0] == usual else {whole: [int(sizes[0])]}
    if len(sizes) == 2:
        return {f"{name}_h": int(sizes[0]), f"{name}_w": int(sizes[1])}
    return {whole: [int(size) for size in sizes]}
