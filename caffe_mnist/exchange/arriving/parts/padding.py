"""Pads around pictures, and rows and columns cut off: as depthwise convolutions.

Caffe 1.0 has no layer that pads, and one that crops only to another blob's size. A convolution
of each channel by itself, whose kernel is one 1 among zeros, does both exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.value import BATCH, Value, words

Pairs = tuple[tuple[int, int], ...]


def with_pads(draft: Draft, value: Value, pads: Pairs, fill: float = 0.0) -> Value:
    """Numbers `fill` before and after the axes behind the channels, put when they are needed."""
    if not any(map(any, pads)):
        return value
    if value.pads and value.fill != fill:
        value = draft.plain(value)
    if len(value.shape) - 2 != len(pads) or not 1 <= len(pads) <= 3:
        raise UnfitError(f"pads axes of {words(value.shape)} that are none of a picture")
    if any(size < 0 for pair in pads for size in pair):
        value = trimmed(draft, value, tuple((max(-a, 0), max(-b, 0)) for a, b in pads))
        pads = tuple((max(a, 0), max(b, 0)) for a, b in pads)
    before = value.pads or ((0, 0),) * len(pads)
    bare = value if not value.pads else Value(value.blob, value.held, unpadded(value))
    joined = tuple((a + c, b + d) for (a, b), (c, d) in zip(before, pads))
    inner = bare.shape
    shape = (*inner[:2], *(n + a + b for n, (a, b) in zip(inner[2:], joined)))
    return Value(bare.blob, bare.held, shape, joined, fill)


def unpadded(value: Value) -> tuple[int, ...]:
    """The shape without the zeros that are still to be put."""
    sizes = (n - a - b for n, (a, b) in zip(value.shape[2:], value.pads))
    return (*value.shape[:2], *sizes) if value.pads else value.shape


def bare(draft: Draft, value: Value, fill: float = 0.0) -> tuple[Value, Pairs]:
    """The value as a blob without its pads, and these; other ones than of `fill` are put."""
    if value.fill != fill:
        value = draft.plain(value)
    inside = draft.plain(Value(value.blob, value.held, unpadded(value)))
    return inside, value.pads or ((0, 0),) * (len(value.shape) - 2)


def put_pads(draft: Draft, value: Value) -> Value:
    """The pads as a layer; such as are not of zeros between two that move the numbers."""
    from caffe_mnist.exchange.arriving.parts.arithmetic import power
    from caffe_mnist.exchange.arriving.parts.convolving import depthwise

    if not isfinite(value.fill):
        raise UnfitError(f"pads with {value.fill}, and no maximum follows")
    inside, pads = bare(draft, value, value.fill)
    axes = len(pads)
    inside = power(draft, inside, shift=-value.fill, role="below")
    made = depthwise(draft, inside, np.ones((1,) * axes), (1,) * axes, pads, role="pad")
    return power(draft, made, shift=value.fill, role="above")


def trimmed(draft: Draft, value: Value, cuts: Pairs, role: str = "crop") -> Value:
    """Without the first and last rows and columns: `cuts` of each axis behind the channels."""
    return strided(
        draft, value, tuple(a for a, _ in cuts), (1,) * len(cuts),
        tuple(n - a - b for n, (a, b) in zip(value.shape[2:], cuts)), role,
    )  # fmt: skip


def strided(
    draft: Draft,
    value: Value,
    starts: Sequence[int],
    steps: Sequence[int],
    sizes: Sequence[int],
    role: str,
) -> Value:
    """Every `steps`-th place from `starts` on, `sizes` of them along each axis of the pictures."""
    from caffe_mnist.exchange.arriving.parts.convolving import depthwise

    value = draft.plain(value)
    inner = value.shape[2:]
    if tuple(sizes) == inner and not any(starts) and set(steps) == {1}:
        return value
    if BATCH in inner or min(sizes) < 1:
        raise UnfitError(f"leaves {words(tuple(sizes))} of {words(inner)}")
    # The kernel reaches as far behind its 1 as rounding down would leave over.
    after = [
        n - 1 - (start + step * (size - 1))
        for n, start, step, size in zip(inner, starts, steps, sizes)
    ]
    rest = [max(0, left - left % step) if step > 1 else left for left, step in zip(after, steps)]
    kernel = np.zeros([start + 1 + more for start, more in zip(starts, rest)])
    kernel[tuple(starts)] = 1
    return depthwise(draft, value, kernel, steps, ((0, 0),) * len(inner), role=role)
