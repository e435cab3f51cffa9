"""Sums, products and powers of values, of one shape or stretched, and with constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.scaling import channels_scaled
from caffe_mnist.exchange.arriving.value import BATCH, Array, Shape, Value, words


def power(
    draft: Draft,
    value: Value,
    *,
    scale: float = 1,
    shift: float = 0,
    exponent: float = 1,
    role: str = "",
) -> Value:
    """(scale x + shift) ^ exponent."""
    if (scale, shift, exponent) == (1, 0, 1):
        return value
    given = {"power": exponent, "scale": scale, "shift": shift}
    usual = {"power": 1, "scale": 1, "shift": 0}
    param = {name: number for name, number in given.items() if number != usual[name]}
    value = draft.plain(value)
    return draft.layer("Power", [value], value.shape, role=role, power_param=param)


def times_constant(draft: Draft, value: Value, factor: Array) -> Value:
    """Element by element; the constant is stretched, the value is not."""
    if factor.size == 1:
        return power(draft, value, scale=float(factor.reshape(-1)[0]))
    axis, part = _span(value.shape, factor)
    if part.ndim == 1 and axis == 1:
        return channels_scaled(draft, value, part, None)
    value = draft.plain(value)
    param = {"axis": axis, "num_axes": part.ndim}
    return draft.layer("Scale", [value], value.shape, blobs=[part], scale_param=param)


def plus_constant(draft: Draft, value: Value, term: Array) -> Value:
    """Element by element; the constant is stretched, the value is not."""
    if term.size == 1:
        return power(draft, value, shift=float(term.reshape(-1)[0]))
    axis, part = _span(value.shape, term)
    if part.ndim == 1 and axis == 1:
        return channels_scaled(draft, value, np.ones_like(part), part)
    value = draft.plain(value)
    param = {"axis": axis, "num_axes": part.ndim}
    return draft.layer("Bias", [value], value.shape, blobs=[part], bias_param=param)


def together(draft: Draft, values: Sequence[Value], coefficients: Sequence[float]) -> Value:
    """The sum of values, each times its coefficient."""
    shape = _common(values)
    if len(values) == 2 and (stretched := _stretch(values, shape)) is not None:
        one, other, axis = stretched
        if one is not values[0]:
            coefficients = coefficients[::-1]
        one = power(draft, one, scale=coefficients[0], role="scaled")
        other = power(draft, other, scale=coefficients[1], role="scaled")
        bottoms = [draft.plain(one), draft.plain(other)]
        return draft.layer("Bias", bottoms, shape, bias_param={"axis": axis})
    param: dict[str, Any] = {"operation": "SUM"}
    if set(coefficients) != {1}:
        param["coeff"] = list(coefficients)
    return _eltwise(draft, values, shape, param)


def multiplied(draft: Draft, values: Sequence[Value]) -> Value:
    """Element by element."""
    shape = _common(values)
    if len(values) == 2 and (stretched := _stretch(values, shape)) is not None:
        one, other, axis = stretched
        bottoms = [draft.plain(one), draft.plain(other)]
        return draft.layer("Scale", bottoms, shape, scale_param={"axis": axis})
    return _eltwise(draft, values, shape, {"operation": "PROD"})


def largest(draft: Draft, values: Sequence[Value], sign: int = 1) -> Value:
    """Element by element; with a sign of -1 the smallest."""
    if sign < 0:
        values = [power(draft, one, scale=-1, role="negative") for one in values]
    made = _eltwise(draft, values, _common(values), {"operation": "MAX"})
    return power(draft, made, scale=sign, role="min") if sign < 0 else made


def _eltwise(draft: Draft, values: Sequence[Value], shape: Shape, param: dict[str, Any]) -> Value:
    bottoms = [draft.plain(tiled(draft, one, shape)) for one in values]
    return draft.layer("Eltwise", bottoms, shape, eltwise_param=param)


def tiled(draft: Draft, value: Value, shape: Shape) -> Value:
    """The value again and again along its axes of 1, until it has the shape."""
    value = draft.plain(value) if value.pads else value
    value = value.seen_as((*(1,) * (len(shape) - len(value.shape)), *value.shape))
    for axis, (size, wanted) in enumerate(zip(value.shape, shape)):
        if size == wanted:
            continue
        if size != 1 or wanted == BATCH:
            raise UnfitError(f"stretches {words(value.shape)} to {words(shape)}")
        value = draft.plain(value)
        made = (*value.shape[:axis], wanted, *value.shape[axis + 1 :])
        param = {"axis": axis, "tiles": wanted}
        value = draft.layer("Tile", [value], made, role="tile", tile_param=param)
    return value


def _common(values: Sequence[Value]) -> Shape:
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*(one.shape for one in values)))
    except ValueError:
        shapes = " and ".join(words(one.shape) for one in values)
        raise UnfitError(f"joins {shapes}") from None


def _stretch(values: Sequence[Value], shape: Shape) -> tuple[Value, Value, int] | None:
    """A value of the whole shape, the other one as some of its axes in a row, and their first."""
    for one, other in (values, values[::-1]):
        if one.shape != shape or other.shape == shape:
            continue
        padded = (*(1,) * (len(shape) - len(other.shape)), *other.shape)
        axes = [axis for axis, size in enumerate(padded) if size != 1]
        if not axes or other.pads:
            return None
        part = padded[axes[0] : axes[-1] + 1]
        if part == shape[axes[0] : axes[-1] + 1]:
            return one, other.seen_as(part), axes[0]
    return None


def _span(shape: Shape, constant: Array) -> tuple[int, Array]:
    """A constant as some axes of the shape in a row, and their first."""
    rank = len(shape)
    if constant.ndim > rank:
        if any(size != 1 for size in constant.shape[: constant.ndim - rank]):
            raise UnfitError(f"stretches {words(shape)} to a constant of {words(constant.shape)}")
        constant = constant.reshape(constant.shape[constant.ndim - rank :])
    constant = constant.reshape((1,) * (rank - constant.ndim) + constant.shape)
    axes = [axis for axis, size in enumerate(constant.shape) if size != 1]
    first, last = axes[0], axes[-1] + 1
    for axis in axes:
        if constant.shape[axis] != shape[axis]:
            raise UnfitError(
                f"joins {words(shape)} and a constant of {words(constant.shape)}"
                + (": the batch is fixed there" if shape[axis] == BATCH else "")
            )
    part = constant.reshape(constant.shape[first:last])
    return first, np.ascontiguousarray(np.broadcast_to(part, shape[first:last]))
