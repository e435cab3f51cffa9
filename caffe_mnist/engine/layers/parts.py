"""Layers that cut blobs or repeat them: Slice, Crop, Tile.

Tops are copies, so that a layer after them may work in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.precision import Part


@layers.register("Slice")
class Slice(Layer):
    """The bottom cut along `axis`, at each `slice_point` or else into equal parts."""

    tops = (1, None)
    part = Part.EITHER

    def hands_on(self) -> bool:
        """A bottom that is not cut."""
        return len(self.param.top) == 1

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """`slice_dim` is the old name of `axis`."""
        param = self.param.slice_param
        if param.HasField("axis") and param.HasField("slice_dim"):
            raise self.error("gives both axis and slice_dim")
        self.points = list(param.slice_point)
        if self.points and len(self.points) != len(top) - 1:
            raise self.error(f"needs {len(top) - 1} slice_point for {len(top)} tops")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find where to cut."""
        param, shape = self.param.slice_param, bottom[0].shape
        axis = param.slice_dim if param.HasField("slice_dim") else param.axis
        self.axis = self.canonical_axis(axis, bottom[0])
        size = shape[self.axis]
        if self.points:
            ends = [0, *self.points, size]
            self.sizes = [end - start for start, end in zip(ends, ends[1:])]
            if min(self.sizes) < 1:
                raise self.error(
                    f"slice_point {self.points} must grow between 0 and {size}, "
                    f"the size of axis {self.axis}"
                )
        elif size % len(top):
            raise self.error(f"cannot cut axis {self.axis} of size {size} into {len(top)} parts")
        else:
            self.sizes = [size // len(top)] * len(top)
        for blob, part in zip(top, self.sizes):
            blob.reshape((*shape[: self.axis], part, *shape[self.axis + 1 :]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy the parts."""
        parts = torch.split(bottom[0].data, self.sizes, self.axis)
        for blob, part in zip(top, parts):
            blob.data = part.clone() if len(top) > 1 else part

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The parts' gradients, joined again."""
        if propagate_down[0]:
            bottom[0].diff = torch.cat([blob.diff for blob in top], self.axis)


@layers.register("Crop")
class Crop(Layer):
    """The first bottom cut to the second's sizes from `axis` on.

    `offset` says where the part begins: one number for all these axes or one for each.
    """

    bottoms = (2, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that the part lies within the bottom."""
        whole, like = bottom[0].shape, bottom[1].shape
        start = self.canonical_axis(self.param.crop_param.axis, bottom[0])
        if len(like) < len(whole):
            raise self.error(f"needs a second bottom of {len(whole)} axes, found {len(like)}")
        offsets = self._offsets(len(whole) - start)
        self.window: list[slice] = [slice(None)] * start
        for axis, offset in enumerate(offsets, start):
            if offset + like[axis] > whole[axis]:
                raise self.error(
                    f"cannot crop axis {axis} of size {whole[axis]} "
                    f"to {like[axis]} at offset {offset}"
                )
            self.window.append(slice(offset, offset + like[axis]))
        top[0].reshape((*whole[:start], *like[start : len(whole)]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy the part."""
        top[0].data = bottom[0].data[tuple(self.window)].clone()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """0 around the part; the second bottom's gradient is left alone."""
        if propagate_down[0]:
            gradient = torch.zeros(bottom[0].shape, device=self.device)
            gradient[tuple(self.window)] = top[0].diff
            bottom[0].diff = gradient

    def _offsets(self, axes: int) -> list[int]:
        given = list(self.param.crop_param.offset)
        if len(given) > 1 and len(given) != axes:
            raise self.error(f"gives offset {len(given)} times for {axes} axes")
        return given if len(given) > 1 else (given or [0]) * axes


@layers.register("Tile")
class Tile(Layer):
    """The bottom `tiles` times along `axis`."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The number of tiles has no default."""
        if self.param.tile_param.tiles < 1:
            raise self.error("needs a positive tile_param.tiles")
        self.tiles = self.param.tile_param.tiles

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The axis grows."""
        shape = bottom[0].shape
        self.axis = self.canonical_axis(self.param.tile_param.axis, bottom[0])
        grown = shape[self.axis] * self.tiles
        top[0].reshape((*shape[: self.axis], grown, *shape[self.axis + 1 :]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Repeat."""
        top[0].data = torch.cat([bottom[0].data] * self.tiles, self.axis)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The sum over the tiles."""
        if propagate_down[0]:
            shape = bottom[0].shape
            outer, inner = prod(shape[: self.axis]), prod(shape[self.axis :])
            tiles: Tensor = top[0].diff.reshape(outer, self.tiles, inner)
            bottom[0].diff = tiles.sum(1).view(shape)
