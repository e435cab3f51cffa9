"""The place in a graph where one layer is written, and the registry of those who write them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Callable

import numpy as np

from caffe_mnist.engine.layer import Layer
from caffe_mnist.engine.weights import array
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.graph import Array, Graph, Sizes
from caffe_mnist.registry import Registry


class UnfitError(CaffeMnistError):
    """A layer that can be written for one size of the batch only."""


class Site:
    """One layer with the names and sizes of its bottoms and the sizes of its tops."""

    def __init__(
        self,
        graph: Graph,
        layer: Layer,
        bottoms: Sequence[str],
        before: Sequence[Sizes],
        after: Sequence[Sizes],
        shared: dict[int, str],
    ) -> None:
        self.graph, self.layer = graph, layer
        self.bottoms, self.before, self.after = list(bottoms), list(before), list(after)
        self._shared = shared

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node with several outputs."""
        name = f"{self.layer.name}/{kind}"
        return self.graph.add(kind, inputs, outputs, name, **attributes)

    def number(self, value: float) -> str:
        """A constant without axes."""
        return self.values(np.asarray(value, np.float32))

    def values(self, values: Array) -> str:
        """A constant tensor."""
        return self.graph.constant(values, f"{self.layer.name}/constant")

    def ints(self, *values: int) -> str:
        """A list of whole numbers: a shape, axes, places."""
        return self.values(np.array(values, np.int64))

    def parameter(self, index: int, shape: Sequence[int] | None = None) -> str:
        """A parameter of the layer, once in the file however many layers share it."""
        blob = self.layer.blobs[index]
        values = array(blob.data)
        if shape is not None:
            return self.values(values.reshape(tuple(shape)))
        root = blob
        while root.owner is not None:
            root = root.owner
        key = id(root)
        if key not in self._shared or self.graph.constants[self._shared[key]].shape != blob.shape:
            self._shared[key] = self.graph.constant(values, f"{self.layer.name}/{index}")
        return self._shared[key]

    def reshaped(self, value: str, old: Sizes, new: Sizes) -> str:
        """The same values in another shape."""
        if old == new:
            return value
        if new.count(None) > 1:
            raise self.unfit("depends on the batch in several axes")
        return self.add("Reshape", value, self.ints(*(-1 if s is None else s for s in new)))

    def known(self, sizes: Sizes) -> list[int]:
        """Sizes that must not vary."""
        if None in sizes:
            raise self.unfit("works along an axis that the batch makes longer")
        return [size for size in sizes if size is not None]

    def joined(self, sizes: Sizes) -> int | None:
        """How many values axes of these sizes hold together."""
        return None if None in sizes else prod(self.known(sizes))

    def axis(self, axis: int) -> int:
        """An axis of the first bottom, counted from the front."""
        return axis % max(len(self.before[0]), 1)

    def unfit(self, what: str) -> UnfitError:
        """Why the size of the batch cannot be left open."""
        return UnfitError(what, where=f"layer {self.layer.name!r} ({self.layer.param.type})")


Write = Callable[[Site], Sequence[str]]
writers: Registry[Write] = Registry("layer type", package="caffe_mnist.exchange.layers")


def writer(layer: Layer) -> Write:
    """Who writes layers of this type; raises CaffeMnistError, listing the types, for others."""
    if layer.param.type not in writers:
        raise layer.error("cannot be exported", f"those that can: {', '.join(writers)}")
    return writers.get(layer.param.type)
