"""Where 32 and 16 bits meet: the bottoms as each layer takes them.

A layer that takes another format than its bottom has reads a copy of it, and the copy's gradient
goes back to the bottom in the bottom's own format. A layer that works in place changes the
format of its blob instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer
from caffe_mnist.engine.precision import Part, Precision


class Crossings:
    """The copies of one net, by the number of the layer and of its bottom."""

    def __init__(self, precision: Precision) -> None:
        """None yet; they are made as the net runs."""
        self._precision = precision
        self._copies: dict[tuple[int, int], Blob] = {}
        self._given: dict[int, list[Blob]] = {}

    def bottoms(
        self, index: int, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]
    ) -> list[Blob]:
        """The bottoms of layer `index` in the format that it takes, before it goes forward."""
        wanted = self._wanted(layer, bottom)
        given = []
        for number, blob in enumerate(bottom):
            if blob.data.dtype != wanted and blob.data.is_floating_point():
                values = blob.data.to(wanted)
                if not any(blob is other for other in top):
                    blob = self._copies.setdefault((index, number), Blob(device=blob.device))
                blob.data = values
            given.append(blob)
        self._given[index] = given
        return given

    def before_backward(
        self, index: int, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]
    ) -> list[Blob]:
        """The same bottoms again; the tops' gradients take the format of the layer's results."""
        given = self._given.get(index) or self.bottoms(index, layer, bottom, top)
        if layer.part is Part.EITHER and given:
            wanted = given[0].data.dtype
        else:
            wanted = self._wanted(layer, bottom)
        for blob in top:
            if blob.has_diff and blob.diff.dtype != wanted:
                blob.diff = blob.diff.to(wanted)
        return given

    def after_backward(
        self, given: Sequence[Blob], bottom: Sequence[Blob], propagate_down: Sequence[bool]
    ) -> None:
        """Hand the copies' gradients on."""
        for copy, blob, down in zip(given, bottom, propagate_down):
            if down and copy is not blob:
                blob.diff = copy.diff.to(blob.data.dtype)

    def _wanted(self, layer: Layer, bottom: Sequence[Blob]) -> torch.dtype:
        if layer.part is Part.HEAVY:
            return self._precision.dtype
        if layer.part is Part.FULL or not bottom:
            return torch.float32
        kinds = {blob.data.dtype for blob in bottom}
        return kinds.pop() if len(kinds) == 1 else torch.float32
