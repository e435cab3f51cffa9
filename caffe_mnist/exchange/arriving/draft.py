"""The Caffe net while it is drawn, layer by layer, with the shapes of its blobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.arriving.value import BATCH, Array, Shape, Value, count, words
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Style:
    """How things are written that can be written in more than one way."""

    batch_norm: str = "fold"  # or "keep": BatchNorm and Scale
    clip: str = "layers"  # or "Clip", "ReLU6"
    floor: str = "layers"  # or "round_mode"


@dataclass
class Drawn:
    """One layer: its message without blobs, and its blobs."""

    param: caffe_pb2.LayerParameter
    blobs: list[Array] = field(default_factory=list)


class UnfitError(CaffeMnistError):
    """Something that Caffe 1.0's layers cannot say; the node's name is put before it."""


class Draft:
    """Layers so far. `hint` is the name that the next layer should have."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.layers: list[Drawn] = []
        self.hint = "layer"
        self.makers: dict[str, Drawn] = {}
        self.readers: Counter[str] = Counter()
        # What else will read a blob: values of the source that nobody has drawn yet.
        self.promised: Counter[str] = Counter()
        self._names: set[str] = set()
        self._plain: dict[Value, Value] = {}

    def layer(
        self,
        kind: str,
        bottoms: Sequence[Value],
        shape: Shape,
        *,
        role: str = "",
        blobs: Sequence[Array] = (),
        **settings: Any,
    ) -> Value:
        """Append a layer with one top of `shape`; `role` is put behind its name."""
        return self.several(kind, bottoms, [shape], role=role, blobs=blobs, **settings)[0]

    def several(
        self,
        kind: str,
        bottoms: Sequence[Value],
        shapes: Sequence[Shape],
        *,
        role: str = "",
        blobs: Sequence[Array] = (),
        **settings: Any,
    ) -> list[Value]:
        """Append a layer with a top of each shape. Bottoms are taken as the blobs they are."""
        name = self.fresh(f"{self.hint}_{role}" if role else self.hint)
        tops = (
            [name] if len(shapes) == 1 else [self.fresh(f"{name}_{k}") for k in range(len(shapes))]
        )
        param = caffe_pb2.LayerParameter(name=name, type=kind, top=tops, **settings)
        for value in bottoms:
            param.bottom.append(value.blob)
            self.readers[value.blob] += 1
        drawn = Drawn(param, [np.ascontiguousarray(one, np.float32) for one in blobs])
        self.layers.append(drawn)
        for top in tops:
            self.makers[top] = drawn
        return [Value(top, shape, shape) for top, shape in zip(tops, shapes)]

    def fresh(self, name: str) -> str:
        """`name`, with a number behind it if it is taken."""
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found

    def input(self, name: str, shape: Shape) -> Value:
        """An Input layer; its blob has exactly this name."""
        self._names.add(name)
        param = caffe_pb2.LayerParameter(name=name, type="Input", top=[name])
        param.input_param.shape.add().dim.extend(shape)
        self.layers.append(Drawn(param))
        self.makers[name] = self.layers[-1]
        return Value(name, shape, shape)

    def only_reader(self, value: Value) -> bool:
        """Whether nobody but the node that is being drawn reads the blob."""
        return self.promised[value.blob] <= 1 and not self.readers[value.blob]

    def plain(self, value: Value) -> Value:
        """The value as a blob of its shape, its zeros around it."""
        if value.plain:
            return value
        if value not in self._plain:
            from caffe_mnist.exchange.arriving.parts.padding import put_pads

            made = put_pads(self, value) if value.pads else self._reshaped(value)
            self._plain[value] = made
        return self._plain[value]

    def _reshaped(self, value: Value) -> Value:
        held, shape = value.held, value.shape
        for axis in range(1, len(held)):
            if shape == (*held[:axis], count(held[axis:])):
                settings: dict[str, Any] = {} if axis == 1 else {"flatten_param": {"axis": axis}}
                return self.layer("Flatten", [value], shape, role="flat", **settings)
        dims = []
        for axis, size in enumerate(shape):
            same = axis < len(held) and held[axis] == size
            if same and (axis == 0 or size == BATCH):
                dims.append(0)
            else:
                dims.append(-1 if size % BATCH == 0 and size else size)
        if dims.count(-1) > 1:
            raise UnfitError(
                f"makes {words(shape)} of {words(held)}: the batch would stand in several axes"
            )
        param = {"shape": {"dim": dims}}
        return self.layer("Reshape", [value], shape, role="shape", reshape_param=param)
