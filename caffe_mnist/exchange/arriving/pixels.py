"""Pixels as Caffe's programs give them, for a net that was trained with other numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.arriving.draft import Draft
from caffe_mnist.exchange.arriving.value import Array, Value


@dataclass(frozen=True)
class Pixels:
    """What the net's input was made of: (pixel - mean) / std · scale, channels as the net has them.

    With `bgr` the Caffe net takes blue, green, red where the other one takes red, green, blue.
    """

    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    bgr: bool = False

    def line(self, channels: int) -> tuple[Array, Array]:
        """Factor and offset of each channel, in the net's own order."""
        scale = _spread(self.scale or (1.0,), channels, "--scale")
        mean = _spread(self.mean or (0.0,), channels, "--mean")
        return scale, -mean * scale

    def prepared(self, values: Array) -> Array:
        """What the other program's net gets for such pixels, N × C × …."""
        factor, offset = self.line(values.shape[1])
        shape = (1, -1, *(1,) * (values.ndim - 2))
        own = values[:, ::-1] if self.bgr else values
        result: Array = (own * factor.reshape(shape) + offset.reshape(shape)).astype(np.float32)
        return result


def from_pixels(draft: Draft, value: Value, pixels: Pixels) -> Value:
    """The layer in front: a Scale, or a convolution of 1 × 1 where channels change places."""
    if len(value.shape) < 3:
        raise CaffeMnistError("the input has no channels of pixels", where="--mean, --scale, --bgr")
    channels = value.shape[1]
    factor, offset = pixels.line(channels)
    draft.hint = f"{value.blob}_prepared"
    if not pixels.bgr:
        settings: dict[str, Any] = {"scale_param": {"bias_term": True}}
        blobs = [factor, offset]
        return draft.layer("Scale", [value], value.shape, blobs=blobs, **settings)
    if channels != 3:
        raise CaffeMnistError(f"the input has {channels} channels, not three", where="--bgr")
    from caffe_mnist.exchange.arriving.parts.convolving import convolution

    axes = len(value.shape) - 2
    matrix = np.diag(factor)[:, ::-1].reshape(3, 3, *(1,) * axes)
    ones, none = (1,) * axes, ((0, 0),) * axes
    return convolution(draft, value, matrix, offset, ones, none, ones, 1)


def _spread(numbers: tuple[float, ...], channels: int, option: str) -> Array:
    if len(numbers) not in (1, channels):
        raise CaffeMnistError(
            f"has {len(numbers)} numbers; the input has {channels} channels", where=option
        )
    return np.broadcast_to(np.asarray(numbers, np.float64), (channels,))
