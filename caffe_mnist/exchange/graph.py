"""A net as a graph of ONNX's operators (opset 18), before it is a file of any format.

The ONNX file is this graph written down, PyTorch's exported program is this graph run: so a
layer is said once, in `layers/`, and both formats are checked against the same forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# The sizes of a blob's axes; None where the size of the batch decides.
Sizes = tuple[Optional[int], ...]


@dataclass
class Node:
    """One operator: its ONNX name, the names of its inputs and outputs, its attributes."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Port:
    """An input or output of the graph: `sizes` are numbers or names of what may vary.

    `shape` has the net's own numbers in their place.
    """

    name: str
    sizes: tuple[int | str, ...]
    shape: tuple[int, ...]
    kind: str = "float32"


@dataclass
class Graph:
    """Nodes in the order in which they run. Values are float32 unless a Cast says otherwise."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    # Values worth comparing beside the outputs, and the blobs that they are in the net: what goes
    # into a Softmax that ends the net tells more than the zeros and ones that may come out.
    telling: dict[str, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)

    def fresh(self, name: str) -> str:
        """`name`, with a number behind it if it is taken."""
        count = self._taken.get(name, 0)
        self._taken[name] = count + 1
        return self.fresh(f"{name}_{count}") if count else name

    def add(
        self, kind: str, inputs: Sequence[str], outputs: int = 1, name: str = "", **attributes: Any
    ) -> list[str]:
        """Append a node; the names of its outputs."""
        name = self.fresh(name or kind)
        made = [name if outputs == 1 else f"{name}:{index}" for index in range(outputs)]
        self.nodes.append(Node(kind, name, list(inputs), made, attributes))
        return made

    def constant(self, values: Array, name: str) -> str:
        """A tensor that is part of the file: float32 or int64."""
        name = self.fresh(name)
        kind = np.int64 if values.dtype.kind in "iu" else np.float32
        self.constants[name] = np.asarray(values, kind, order="C")
        return name

    def rename(self, names: dict[str, str]) -> None:
        """Give values made by nodes other names; none may be taken."""
        for node in self.nodes:
            node.inputs = [names.get(name, name) for name in node.inputs]
            node.outputs = [names.get(name, name) for name in node.outputs]
        self.telling = {names.get(name, name): blob for name, blob in self.telling.items()}

    def drop_unread(self) -> None:
        """Leave out what no output needs."""
        wanted = {port.name for port in self.outputs}
        kept = []
        for node in reversed(self.nodes):
            if not wanted.isdisjoint(node.outputs):
                kept.append(node)
                wanted.update(node.inputs)
        self.nodes = kept[::-1]
        self.constants = {name: v for name, v in self.constants.items() if name in wanted}
