"""A graph as a PyTorch module over the same weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from caffe_mnist.exchange.graph import Graph
from caffe_mnist.exchange.operators import operators


class GraphModule(torch.nn.Module):
    """Runs a graph; takes its inputs in order and gives its outputs as a tuple.

    Weights are buffers by their names in the graph (with `.` as `_`): they do not learn.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self._names: dict[str, str] = {}
        self._numbers: dict[str, Any] = {}
        for name, values in graph.constants.items():
            if values.dtype.kind == "i":
                self._numbers[name] = values.tolist()
                continue
            self._names[name] = _attribute(name, self._names.values())
            self.register_buffer(self._names[name], torch.from_numpy(values.copy()))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One run."""
        values: dict[str, Any] = dict(self._numbers)
        values.update((name, getattr(self, attribute)) for name, attribute in self._names.items())
        values.update((port.name, x) for port, x in zip(self.graph.inputs, inputs))
        for node in self.graph.nodes:
            result = operators.get(node.kind)(*(values[x] for x in node.inputs), **node.attributes)
            results = result if isinstance(result, tuple) else (result,)
            values.update(zip(node.outputs, results))
        return tuple(values[port.name] for port in self.graph.outputs)


def _attribute(name: str, taken: Any) -> str:
    plain = "".join(letter if letter.isalnum() or letter == "/" else "_" for letter in name)
    plain = "w_" + plain.replace("/", "__")
    while plain in taken:
        plain += "_"
    return plain
