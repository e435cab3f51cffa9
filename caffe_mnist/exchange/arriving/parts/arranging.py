"""Parts of values, and their order: slices, permutations, channels to pixels and back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.convolving import convolution, pointwise, transposed
from caffe_mnist.exchange.arriving.parts.padding import strided
from caffe_mnist.exchange.arriving.value import BATCH, Array, Value, words


def parted(draft: Draft, value: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Parts of given sizes along an axis."""
    value = draft.plain(value)
    shape = value.shape
    axis %= len(shape)
    if shape[axis] == BATCH or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise UnfitError(f"cuts axis {axis} of {words(shape)} into {', '.join(map(str, sizes))}")
    if len(sizes) == 1:
        return [value]
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    points = [int(n) for n in np.cumsum(sizes)[:-1]]
    param = {"axis": axis, "slice_point": points} if axis != 1 else {"slice_point": points}
    return draft.several("Slice", [value], shapes, slice_param=param)


def ranges(draft: Draft, value: Value, cuts: dict[int, tuple[int, int, int]]) -> Value:
    """Start, end and step along some axes, as Python counts."""
    for axis, (start, end, step) in sorted(cuts.items()):
        size = value.shape[axis]
        if size == BATCH:
            if (start, step) == (0, 1) and end >= 2**31 - 1:
                continue
            raise UnfitError(f"takes a part of the batch: {words(value.shape)}")
        if step < 1:
            value = _picked(draft, value, axis, np.arange(size)[start:end:step])
            continue
        start, end, step = slice(start, end, step).indices(size)
        kept = len(range(start, end, step))
        if kept == size:
            continue
        if step > 1 and len(value.shape) == 4 and axis > 1:
            starts, steps, sizes = [0, 0], [1, 1], list(value.shape[2:])
            starts[axis - 2], steps[axis - 2], sizes[axis - 2] = start, step, kept
            value = strided(draft, value, starts, steps, sizes, f"every{step}")
        elif step > 1:
            value = _picked(draft, value, axis, np.arange(start, end, step))
        else:
            value = _range(draft, value, axis, start, start + kept)
    return value


def picked(draft: Draft, value: Value, axis: int, places: Array) -> Value:
    """The parts of an axis at `places`, in that order."""
    size = value.shape[axis]
    if size == BATCH:
        raise UnfitError(f"takes a part of the batch: {words(value.shape)}")
    places = np.where(places < 0, places + size, places)
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        return _range(draft, value, axis, int(places[0]), int(places[-1]) + 1)
    return _picked(draft, value, axis, places)


def _range(draft: Draft, value: Value, axis: int, start: int, end: int) -> Value:
    size = value.shape[axis]
    if (start, end) == (0, size):
        return value
    sizes = [n for n in (start, end - start, size - end) if n]
    made = parted(draft, value, axis, sizes)
    wanted = made[1 if start else 0]
    for one in made:
        if one is not wanted:
            _silence(draft, one)
    return wanted


def _silence(draft: Draft, value: Value) -> None:
    """A blob that nobody reads would be an output of the net."""
    name = draft.hint
    draft.hint = value.blob
    draft.several("Silence", [value], [], role="silence")
    draft.hint = name


def _picked(draft: Draft, value: Value, axis: int, places: Array) -> Value:
    """Channels, by a matrix of zeros and ones."""
    if axis != 1 or len(value.shape) not in (3, 4, 5):
        raise UnfitError(f"puts axis {axis} of {words(value.shape)} into another order")
    matrix = np.zeros((len(places), value.shape[1]), np.float32)
    matrix[np.arange(len(places)), places] = 1
    return pointwise(draft, draft.plain(value), matrix, role="order")


def permuted(draft: Draft, value: Value, order: Sequence[int]) -> Value:
    """Axes in another order, where that moves no number, or channels only."""
    shape = value.shape
    order = [axis % len(shape) for axis in order]
    made = tuple(shape[axis] for axis in order)
    long = [axis for axis in order if shape[axis] != 1]
    if long == sorted(long):
        return (draft.plain(value) if value.pads else value).seen_as(made)
    if len(shape) == 6 and (found := _shuffled(draft, value, order)) is not None:
        return found.seen_as(made)
    # Groups of channels, dealt out anew: axes between the batch and the pictures.
    moved = [axis for place, axis in enumerate(order) if place != axis]
    first, last = min(moved), max(moved) + 1
    if first >= 1 and shape[0] not in shape[first:last] and len(shape) - last <= 3:
        channels, rest = prod(shape[1:last]), shape[last:]
        pixels = rest or (1,)
        inside = np.arange(channels).reshape(shape[1:last])
        places = inside.transpose([axis - 1 for axis in order[1:last]]).reshape(-1)
        if len(pixels) <= 3 and len(shape) > 3 and BATCH not in shape[1:] and channels <= 8192:
            flat = draft.plain(value).seen_as((shape[0], channels, *pixels))
            if len(rest) >= 1:
                return _picked(draft, flat, 1, places).seen_as(made)
    raise UnfitError(
        f"puts the axes of {words(shape)} in the order {', '.join(map(str, order))}; "
        "Caffe 1.0 has no layer for it",
        hint="export the net up to there, and do the rest outside",
    )


def _shuffled(draft: Draft, value: Value, order: list[int]) -> Value | None:
    """The order of axes that turns channels to pixels, or back, once they stand apart."""
    batch, channels, *rest = value.shape
    if order == [0, 1, 4, 2, 5, 3] and rest[0] == rest[1]:
        block, _, height, width = rest
        flat = draft.plain(value.seen_as((batch, channels * block * block, height, width)))
        return pixels_from_channels(draft, flat, block, channels_first=True)
    if order == [0, 1, 3, 5, 2, 4] and rest[1] == rest[3]:
        height, block, width, _ = rest
        flat = draft.plain(value.seen_as((batch, channels, height * block, width * block)))
        return channels_from_pixels(draft, flat, block, channels_first=True)
    return None


def pixels_from_channels(draft: Draft, value: Value, block: int, *, channels_first: bool) -> Value:
    """C·b² × H × W to C × bH × bW. `channels_first`: as PixelShuffle counts (ONNX: CRD)."""
    channels = _divided(value, block * block)
    kernel = np.eye(block * block).reshape(-1, block, block)
    if channels_first:
        weights = np.tile(kernel[:, None], (channels, 1, 1, 1))
        group = channels
    else:
        weights = np.zeros((channels * block * block, channels, block, block))
        for place, one in enumerate(kernel):
            for channel in range(channels):
                weights[place * channels + channel, channel] = one
        group = 1
    none = ((0, 0), (0, 0))
    return transposed(draft, value, weights, None, (block,) * 2, none, (1, 1), group)


def channels_from_pixels(draft: Draft, value: Value, block: int, *, channels_first: bool) -> Value:
    """C × bH × bW to C·b² × H × W. `channels_first`: as PixelUnshuffle counts."""
    _divided(value, 1)
    channels = value.shape[1]
    kernel = np.eye(block * block).reshape(-1, block, block)
    if channels_first:
        weights, group = np.tile(kernel, (channels, 1, 1))[:, None], channels
    else:  # b² × C outputs
        weights = np.zeros((block * block * channels, channels, block, block))
        for place, one in enumerate(kernel):
            for channel in range(channels):
                weights[place * channels + channel, channel] = one
        group = 1
    none = ((0, 0), (0, 0))
    return convolution(draft, value, weights, None, (block,) * 2, none, (1, 1), group)


def _divided(value: Value, by: int) -> int:
    if len(value.shape) != 4 or BATCH in value.shape[1:] or value.shape[1] % by:
        raise UnfitError(f"deals out the channels of {words(value.shape)}")
    return value.shape[1] // by
