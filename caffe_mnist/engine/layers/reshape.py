"""Reshape: the same values in another shape.

`shape` takes the place of the `num_axes` axes (-1: all) from `axis` on; a negative `axis`
counts from behind the last one, so -1 appends. In `shape`, 0 copies the size of the bottom's
axis in that place and one -1 is worked out from the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.joints import Reshaping


@layers.register("Reshape")
class Reshape(Reshaping):
    """Options: shape, axis, num_axes."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Work the new shape out."""
        shape = bottom[0].shape
        start, end = self._replaced(len(shape))
        dims = list(self.param.reshape_param.shape.dim)
        if dims.count(-1) > 1 or any(size < -1 for size in dims):
            raise self.error(f"cannot work out shape {dims}: only one -1 may be given")
        for place, size in enumerate(dims):
            if size == 0:
                if start + place >= len(shape):
                    raise self.error(f"cannot copy axis {start + place} of shape {shape}")
                dims[place] = shape[start + place]
        known = prod(size for size in dims if size >= 0)
        inside = prod(shape[start:end])
        if -1 in dims:
            if not known or inside % known:
                raise self.error(
                    f"cannot divide {inside} values among axes of {known}",
                    hint="the product of shape must divide the number of values",
                )
            dims[dims.index(-1)] = inside // known
        elif known != inside:
            raise self.error(f"cannot turn shape {shape} into {(*shape[:start], *dims)}")
        top[0].reshape((*shape[:start], *dims, *shape[end:]))

    def _replaced(self, axes: int) -> tuple[int, int]:
        """The axes of the bottom that `shape` replaces: the first, and one past the last."""
        param = self.param.reshape_param
        start = param.axis if param.axis >= 0 else axes + param.axis + 1
        if not 0 <= start <= axes:
            raise self.error(f"axis {param.axis} is out of range for {axes} axes")
        end = axes if param.num_axes == -1 else start + param.num_axes
        if param.num_axes < -1 or end > axes:
            raise self.error(
                f"num_axes {param.num_axes} from axis {start} on is out of range for {axes} axes"
            )
        return start, end
