"""Where the pixels of one top lie in another: scale and shift through convolutions and pooling.

A map (axis, a, b) says that along `axis` and the axes after it the coordinate x of a top is
a · x + b in its bottom. a and b may hold one number for each axis. Of the tops that a net joins,
`coord_map_from_to` finds the map, and `crop` makes the Crop layer that aligns them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.net_spec import Function, Top, layers

Numbers = npt.NDArray[Any]
Map = tuple[Optional[int], Any, Any]  # what is None has no axes of its own
IDENTITY: Map = (None, 1, 0)
# Layers that leave every coordinate where it is.
PASS_THROUGH_LAYERS = [
    "AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp",
    "MVN", "Power", "ReLU", "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold",
]  # fmt: skip
WINDOWS = ("Convolution", "Pooling", "Im2col")
OLD_FIELDS = {f"{what}_{axis}" for what in ("kernel", "stride", "pad") for axis in "hw"}


class UndefinedMapException(Exception):  # noqa: N818 (pycaffe's name)
    """A layer through which coordinates have no map (inner products, say)."""


class AxisMismatchException(Exception):  # noqa: N818 (pycaffe's name)
    """Maps that begin at different axes."""


def conv_params(fn: Function) -> tuple[int, Numbers, Numbers, Numbers]:
    """Axis, stride, extent of the kernel (with dilation) and padding of a windowed layer."""
    given = fn.params.get("convolution_param", fn.params)
    if OLD_FIELDS & set(fn.params):
        raise AssertionError("cropping does not support legacy _h/_w params")
    kernel, dilation, stride, pad = (
        np.array(value, ndmin=1)
        for value in (
            given["kernel_size"],
            given.get("dilation", 1),
            given.get("stride", 1),
            given.get("pad", 0),
        )
    )
    return given.get("axis", 1), stride, (kernel - 1) * dilation + 1, pad


def crop_params(fn: Function) -> tuple[int, Numbers]:
    """Axis (the first spatial one by default) and offset of a Crop."""
    given = fn.params.get("crop_param", fn.params)
    return given.get("axis", 2), np.array(given.get("offset", 0), ndmin=1)


def coord_map(fn: Function) -> Map:
    """The map of one layer; raises UndefinedMapException where it has none."""
    if fn.type_name in WINDOWS:
        axis, stride, extent, pad = conv_params(fn)
        return axis, 1 / stride, (pad - (extent - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, extent, pad = conv_params(fn)
        return axis, stride, (extent - 1) / 2 - pad
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset  # maps count from the axis before the first spatial one
    raise UndefinedMapException


def compose(base_map: Map, next_map: Map) -> Map:
    """`base_map` after `next_map`; raises AxisMismatchException unless their axes agree."""
    (first, a1, b1), (second, a2, b2) = base_map, next_map
    if None not in (first, second) and first != second:
        raise AxisMismatchException
    return second if first is None else first, a1 * a2, a1 * b2 + b1


def inverse(coord_map: Map) -> Map:
    """The way back."""
    axis, a, b = coord_map
    return axis, 1 / a, -b / a


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map between two tops that have a common ancestor.

    Raises RuntimeError when coordinates are lost on every way between them.
    """
    from_maps: dict[Top, Map] = {}
    _walk(top_from, lambda top, way: bool(from_maps.setdefault(top, way)) and False)
    found: list[Map] = []

    def meets(top: Top, way: Map) -> bool:
        if top in from_maps:
            found.append(compose(way, inverse(from_maps[top])))
        return bool(found)

    _walk(top_to, meets)
    if not found:
        raise RuntimeError(
            "Could not compute map between tops; are they connected by spatial layers?"
        )
    return found[0]


def crop(top_from: Top, top_to: Top) -> Any:
    """A Crop of `top_from` that lies over `top_to`.

    Raises AssertionError unless only a shift by whole, not negative pixels lies between them.
    """
    axis, a, b = coord_map_from_to(top_from, top_to)
    a, b = np.asarray(a), np.asarray(b)
    for holds, what in (
        ((a == 1).all(), f"scale mismatch on crop (a = {a})"),
        ((b <= 0).all(), f"cannot crop negative offset (b = {b})"),
        ((np.round(b) == b).all(), f"cannot crop noninteger offset (b = {b})"),
    ):
        if not holds:
            raise AssertionError(what)
    offset = (-np.round(b)).astype(int).reshape(-1).tolist()
    first = 1 if axis is None else axis
    return layers.Crop(top_from, top_to, crop_param={"axis": first + 1, "offset": offset})


def _walk(top: Top, visit: Callable[[Top, Map], bool]) -> None:
    """Visit `top` and what lies below it, with the map to each, until a visit says so."""
    frontier: list[tuple[Top, Map]] = [(top, IDENTITY)]
    seen = {top}
    while frontier:
        one, way = frontier.pop()
        if visit(one, way):
            return
        try:
            below = coord_map(one.fn)
        except UndefinedMapException:
            continue
        inputs = one.fn.inputs[:1] if one.fn.type_name == "Crop" else one.fn.inputs
        for bottom in inputs:
            if bottom not in seen:
                seen.add(bottom)
                frontier.append((bottom, compose(way, below)))
