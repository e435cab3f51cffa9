"""The axes of a bottom that a smaller array (a scale, a bias) runs along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer


def spanned_shape(layer: Layer, bottom: Blob, axis: int, axes: int) -> tuple[int, ...]:
    """The sizes of `axes` axes of `bottom` from `axis` on (-1: all that follow).

    Raises CaffeMnistError when the bottom has fewer.
    """
    start = layer.canonical_axis(axis, bottom)
    if axes < -1:
        raise layer.error(f"num_axes {axes} is not -1 (all) or more")
    end = len(bottom.shape) if axes == -1 else start + axes
    if end > len(bottom.shape):
        raise layer.error(
            f"cannot span {axes} axes from axis {start} on: the bottom has {len(bottom.shape)} axes"
        )
    return bottom.shape[start:end]


@dataclass(frozen=True)
class Span:
    """An array of shape `shape` along the axes `axis`… of a bottom of `axes` axes."""

    axis: int
    shape: tuple[int, ...]
    axes: int

    @classmethod
    def of(cls, layer: Layer, bottom: Blob, shape: Sequence[int], axis: int) -> Span:
        """Raises CaffeMnistError unless the bottom has these sizes from `axis` on.

        An array without axes goes with every element.
        """
        start = layer.canonical_axis(axis, bottom) if shape else 0
        if bottom.shape[start : start + len(shape)] != tuple(shape):
            raise layer.error(
                f"cannot spread shape {tuple(shape)} from axis {start} on: "
                f"the bottom's shape is {bottom.shape}"
            )
        return cls(start, tuple(shape), len(bottom.shape))

    def spread(self, values: Tensor) -> Tensor:
        """`values` with axes of size 1 wherever the bottom has others."""
        after = self.axes - self.axis - len(self.shape)
        return values.reshape((*[1] * self.axis, *self.shape, *[1] * after))

    def gather(self, values: Tensor) -> Tensor:
        """The sums of `values` over the other axes: the gradient of `spread`."""
        own = range(self.axis, self.axis + len(self.shape))
        others = [axis for axis in range(self.axes) if axis not in own]
        return values.sum(others) if others else values.clone()
