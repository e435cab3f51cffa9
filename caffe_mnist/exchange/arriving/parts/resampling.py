"""Pictures of another size: any rule that works on rows and on columns by themselves.

A rule is a matrix for the rows and one for the columns. Repeated pixels and bilinear enlargement
by whole factors are Deconvolutions; everything else is the two matrices, as two layers.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.convolving import convolution, product, transposed
from caffe_mnist.exchange.arriving.value import BATCH, Array, Value, words


def resampled(draft: Draft, value: Value, rows: Array, columns: Array) -> Value:
    """Matrices of new × old rows and columns on a value of N × C × H × W."""
    if len(value.shape) != 4 or BATCH in value.shape[1:]:
        raise UnfitError(f"changes the size of {words(value.shape)}")
    value = draft.plain(value)
    factors = [len(one) // one.shape[1] for one in (rows, columns)]
    if all(_is_identity(one) for one in (rows, columns)):
        return value
    if all(
        np.array_equal(one, np.repeat(np.eye(one.shape[1]), factor, 0))
        for one, factor in zip((rows, columns), factors)
    ):
        kernels = [np.ones(factor) for factor in factors]
        return _enlarged(draft, value, factors, kernels, [0, 0])
    if min(factors) > 1 and (made := _bilinear(draft, value, rows, columns, factors)) is not None:
        return made
    return _by_matrices(draft, value, rows, columns)


def averages(size: int, wanted: int) -> Array:
    """The matrix of adaptive averages: windows from ⌊i n/m⌋ to ⌈(i+1) n/m⌉."""
    matrix = np.zeros((wanted, size))
    for row in range(wanted):
        start, end = row * size // wanted, -(-(row + 1) * size // wanted)
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def interpolation(
    old: int,
    new: int,
    scale: float,
    mode: str,
    coordinates: str,
    *,
    nearest: str = "round_prefer_floor",
    cubic: float = -0.75,
) -> Array:
    """The matrix of ONNX's Resize along one axis; beyond the edge stands the edge's value."""
    places = _places(np.arange(new, dtype=np.float64), old, new, scale, coordinates)
    matrix = np.zeros((new, old))
    if mode == "nearest":
        matrix[np.arange(new), np.clip(_rounded(places, nearest), 0, old - 1)] = 1
        return matrix
    floor = np.floor(places).astype(int)
    rest = places - floor
    if mode == "linear":
        taps = {0: 1 - rest, 1: rest}
    elif mode == "cubic":
        taps = {k: _cubic(np.abs(rest - k), cubic) for k in (-1, 0, 1, 2)}
    else:
        raise UnfitError(f"resizes by {mode!r}")
    for offset, weights in taps.items():
        np.add.at(matrix, (np.arange(new), np.clip(floor + offset, 0, old - 1)), weights)
    return matrix


def _places(x: Array, old: int, new: int, scale: float, coordinates: str) -> Array:
    if coordinates in ("half_pixel", "pytorch_half_pixel"):
        if coordinates == "pytorch_half_pixel" and new == 1:
            return np.zeros(1)
        return (x + 0.5) / scale - 0.5
    if coordinates == "align_corners":
        return x * (old - 1) / (new - 1) if new > 1 else np.zeros(1)
    if coordinates == "asymmetric":
        return x / scale
    raise UnfitError(f"resizes in coordinates {coordinates!r}")


def _rounded(places: Array, rule: str) -> Array:
    rules: dict[str, Callable[[Array], Array]] = {
        "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda x: np.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    }  # fmt: skip
    if rule not in rules:
        raise UnfitError(f"rounds by {rule!r}")
    return np.asarray(rules[rule](places)).astype(int)


def _cubic(distance: Array, a: float) -> Array:
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def _is_identity(matrix: Array) -> bool:
    return matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix)))


def _enlarged(
    draft: Draft, value: Value, factors: list[int], kernels: list[Array], pads: list[int]
) -> Value:
    channels = value.shape[1]
    kernel = np.outer(*kernels)
    weights = np.broadcast_to(kernel, (channels, 1, *kernel.shape))
    around = tuple((pad, pad) for pad in pads)
    return transposed(draft, value, weights, None, factors, around, (1, 1), channels)


def _bilinear(
    draft: Draft, value: Value, rows: Array, columns: Array, factors: list[int]
) -> Value | None:
    """Caffe's own kernel for it, divided at the edges by what of it lies in the picture."""
    kernels: list[Array] = []
    sums: list[Array] = []
    pads: list[int] = []
    for matrix, factor in zip((rows, columns), factors):
        size = 2 * factor - factor % 2
        centre = (size - 1) / 2
        kernel = 1 - np.abs(np.arange(size) - centre) / factor
        pad = -(-(factor - 1) // 2)
        old = matrix.shape[1]
        full = np.zeros(((old - 1) * factor + size, old))
        for column in range(old):
            full[column * factor : column * factor + size, column] = kernel
        ours = full[pad : len(full) - pad] if pad else full
        if ours.shape != matrix.shape:
            return None
        total = ours.sum(1)
        if np.abs(ours / total[:, None] - matrix).max() > 1e-9:
            return None
        kernels, sums, pads = [*kernels, kernel], [*sums, total], [*pads, pad]
    made = _enlarged(draft, value, factors, kernels, pads)
    edges = 1 / np.outer(*sums)
    param = {"axis": 2, "num_axes": 2}
    return draft.layer("Scale", [made], made.shape, role="edges", blobs=[edges], scale_param=param)


def _by_matrices(draft: Draft, value: Value, rows: Array, columns: Array) -> Value:
    batch, channels, height, width = value.shape
    if not _is_identity(columns):
        value = product(draft, value, columns, None, role="columns")
        width = len(columns)
    if not _is_identity(rows):
        # Rows as channels: each column of each picture's channel is a batch's item.
        stood = draft.plain(value.seen_as((batch * channels, height, width, 1)))
        weights = rows.reshape(*rows.shape, 1, 1)
        none = ((0, 0), (0, 0))
        made = convolution(draft, stood, weights, None, (1, 1), none, (1, 1), 1, role="rows")
        value = made.seen_as((batch, channels, len(rows), width))
    return value
