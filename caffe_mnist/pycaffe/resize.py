"""Pictures in another size, as scikit-image 0.18 and SciPy 1.6 make them for real pycaffe.

Of 1 or 3 channels (scikit-image's `resize`, mode "constant"): pixels are areas, so output i lies
at (i + ½) · in/out - ½; outside the picture everything is 0; when an axis shrinks, a Gaussian of
deviation (in/out - 1)/2 goes before; results are clipped to the range before interpolation.
Of other numbers of channels (SciPy's `zoom`): the first and last pixels are kept where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.failures import CaffeError

Array = npt.NDArray[Any]
ORDERS = {0: "nearest", 1: "linear", 3: "cubic"}


def resize(image: Array, sizes: Sequence[int], order: int = 1) -> Array:
    """`image` (H × W × C, of floats) as sizes[0] × sizes[1] × C, pixels taken as areas."""
    _check(order)
    factors = [old / new for old, new in zip(image.shape, sizes)]
    for axis, factor in enumerate(factors):
        if factor > 1:
            image = _blurred(image, axis, (factor - 1) / 2)
    result = image
    for axis, (size, factor) in enumerate(zip(sizes, factors)):
        places = (np.arange(size) + 0.5) * factor - 0.5
        result = _interpolated(result, axis, places, order)
    if order:
        low, high = image.min(), image.max()
        outside = (result == 0) if not low <= 0 <= high else None
        result = np.clip(result, low, high)
        if outside is not None:
            result[outside] = 0
    return result


def zoom(image: Array, sizes: Sequence[int], order: int = 1) -> Array:
    """`image` (H × W × C) as sizes[0] × sizes[1] × C, its corners kept; orders 0 and 1 only."""
    _check(order, largest=1)
    for axis, size in enumerate(sizes):
        places = np.linspace(0, image.shape[axis] - 1, size) if size > 1 else np.zeros(1)
        image = _interpolated(image, axis, places, order)
    return image


def _check(order: int, largest: int = 3) -> None:
    if order not in ORDERS or order > largest:
        known = ", ".join(f"{one} ({name})" for one, name in ORDERS.items() if one <= largest)
        raise CaffeError(f"interpolation of order {order} is not there", hint=f"known: {known}")


def _blurred(image: Array, axis: int, deviation: float) -> Array:
    """By a Gaussian cut off at four deviations, with zeros around the picture."""
    radius = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weights /= weights.sum()
    padding = [(radius, radius) if one == axis else (0, 0) for one in range(image.ndim)]
    padded = np.pad(image.astype(np.float64), padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis)
    return (windows @ weights).astype(image.dtype)


def _interpolated(image: Array, axis: int, places: Array, order: int) -> Array:
    """Values of `image` at fractional places along `axis`; 0 outside."""
    if order == 0:
        return _at(image, axis, np.floor(places + 0.5).astype(int))
    first = np.floor(places).astype(int)
    rest = places - first
    if order == 1:
        weights = {0: 1 - rest, 1: rest}
    else:  # the cubic through two points with the slopes of their neighbours
        square, cube = rest**2, rest**3
        weights = {
            -1: (-rest + 2 * square - cube) / 2,
            0: 1 + (-5 * square + 3 * cube) / 2,
            1: (rest + 4 * square - 3 * cube) / 2,
            2: (cube - square) / 2,
        }
    shape = [-1 if one == axis else 1 for one in range(image.ndim)]
    total = np.zeros(1)
    for step, weight in weights.items():
        total = total + _at(image, axis, first + step) * weight.reshape(shape)
    return total.astype(image.dtype)


def _at(image: Array, axis: int, indices: Array) -> Array:
    size = image.shape[axis]
    values = np.take(image, np.clip(indices, 0, size - 1), axis)
    inside = (indices >= 0) & (indices < size)
    shape = [-1 if one == axis else 1 for one in range(image.ndim)]
    return np.where(inside.reshape(shape), values, 0)
