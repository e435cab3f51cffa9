"""From pictures to a net's input and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.failures import CaffeError
from caffe_mnist.pycaffe.pictures import resize_image

Array = npt.NDArray[Any]


class Transformer:
    """Settings for each input of a net, by name; `inputs` gives their shapes N × C × H × W.

    `preprocess` resizes, transposes, swaps channels, scales raw values, subtracts the mean and
    scales, in this order; what is not set is left out.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = dict(inputs)
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, Array] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: Array) -> Array:
        """A picture H × W × C as the net's input C × H × W, float32."""
        self._check(in_)
        values = data.astype(np.float32, copy=False)
        sizes = tuple(self.inputs[in_][2:])
        if values.shape[:2] != sizes:
            values = resize_image(values, sizes)
        if in_ in self.transpose:
            values = values.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            values = values[np.asarray(self.channel_swap[in_]), :, :]
        if in_ in self.raw_scale:
            values = values * self.raw_scale[in_]
        if in_ in self.mean:
            values = values.astype(np.float32) - self.mean[in_]
        if in_ in self.input_scale:
            values = values.astype(np.float32) * self.input_scale[in_]
        return values.astype(np.float32, copy=False)

    def deprocess(self, in_: str, data: Array) -> Array:
        """The picture that `preprocess` made this input of (in the net's size)."""
        self._check(in_)
        values = data.copy().squeeze()
        if in_ in self.input_scale:
            values = values / self.input_scale[in_]
        if in_ in self.mean:
            values = values + self.mean[in_]
        if in_ in self.raw_scale:
            values = values / self.raw_scale[in_]
        if in_ in self.channel_swap:
            values = values[np.argsort(self.channel_swap[in_]), :, :]
        if in_ in self.transpose:
            values = values.transpose(np.argsort(self.transpose[in_]))
        return values.astype(data.dtype, copy=False)

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """The order of the axes, e.g. (2, 0, 1) for pictures H × W × C."""
        self._check(in_)
        if len(order) != len(self.inputs[in_]) - 1:
            raise CaffeError(
                "Transpose order needs to have the same number of dimensions as the input."
            )
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """The order of the channels, e.g. (2, 1, 0) to make BGR of RGB."""
        self._check(in_)
        if len(order) != self.inputs[in_][1]:
            raise CaffeError(
                "Channel swap needs to have the same number of dimensions as the input channels."
            )
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """What values are multiplied by before the mean goes: 255 for pictures of 0 … 1."""
        self._check(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: Array) -> None:
        """The mean to subtract: C numbers, or C × H × W (or H × W) of the input's size.

        Raises ValueError for other shapes.
        """
        self._check(in_)
        expected = tuple(self.inputs[in_][1:])
        if mean.ndim == 1:
            if mean.shape[0] != expected[0]:
                raise ValueError("Mean channels incompatible with input.")
            mean = mean[:, np.newaxis, np.newaxis]
        else:
            shape = (1, *mean.shape) if mean.ndim == 2 else mean.shape
            if len(shape) != 3:
                raise ValueError("Mean shape invalid")
            if shape != expected:
                mean = _resized_mean(mean, expected)
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """What values are multiplied by at the end."""
        self._check(in_)
        self.input_scale[in_] = scale

    def _check(self, name: str) -> None:
        if name not in self.inputs:
            raise CaffeError(f"{name} is not one of the net inputs: {self.inputs}")


def _resized_mean(mean: Array, shape: tuple[int, ...]) -> Array:
    low, high = mean.min(), mean.max()
    normal = (mean - low) / (high - low)
    picture: Array = resize_image(normal.transpose((1, 2, 0)), shape[1:]).transpose((2, 0, 1))
    result: Array = (picture * (high - low) + low).astype(np.float32)
    return result
