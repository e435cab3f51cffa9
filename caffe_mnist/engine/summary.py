"""What a net costs: shapes, parameters, multiply-adds and memory of each layer.

The net is built on PyTorch's `meta` device, with constant fillers: shapes without numbers, so
that a net of any size takes neither time nor memory. Layers written in Python want real arrays,
so nets with such are built on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.given_inputs import with_inputs
from caffe_mnist.engine.layer import Layer, Surroundings
from caffe_mnist.engine.lean_torch import complete_torch
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.values import is_repeated, kind_of

Shape = tuple[int, ...]
FLOAT = 4
RECURRENT = ("LSTM", "RNN")


@dataclass(frozen=True)
class LayerCost:
    """One layer: its tops' shapes, and its numbers.

    `parameters` counts the numbers it holds, `own_parameters` those that no layer before it
    shares; `multiply_adds` those of products with its weights in one forward pass; `memory` the
    bytes of the blobs that it makes (none for what works in place).
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    shapes: tuple[Shape, ...]
    parameter_shapes: tuple[Shape, ...]
    parameters: int
    own_parameters: int
    multiply_adds: int
    memory: int


@dataclass(frozen=True)
class NetCost:
    """A net: its layers, and `batch`, the first size of the first blob."""

    name: str
    layers: tuple[LayerCost, ...]
    batch: int

    @property
    def parameters(self) -> int:
        """The numbers that are held, shared ones once."""
        return sum(layer.own_parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of one forward pass of the whole batch."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def memory(self) -> int:
        """Bytes of all blobs, without gradients."""
        return sum(layer.memory for layer in self.layers)


def summarise(
    param: caffe_pb2.NetParameter, phase: int, shapes: Mapping[str, Sequence[int]] | None = None
) -> NetCost:
    """Build the net of `param` without its numbers and count.

    `shapes` replaces data by inputs (see `with_inputs`). Raises CaffeMnistError as Net does.
    """
    stated = caffe_pb2.NetParameter()
    stated.CopyFrom(param)
    stated.state.phase = phase  # type: ignore[assignment]
    stated = with_inputs(stated, shapes or {})
    clear_fillers(stated)
    net = Net(stated, Surroundings(phase, without_numbers(stated)))
    try:
        return _count(net, {layer.name for layer in stated.layer})
    finally:
        net.close()


def without_numbers(param: caffe_pb2.NetParameter) -> torch.device:
    """Where a net is built for its shapes alone; Python layers compute in any case."""
    if any(layer.type == "Python" for layer in param.layer):
        return torch.device("cpu")
    complete_torch()
    return torch.device("meta")


def _count(net: Net, written: set[str]) -> NetCost:
    costs: list[LayerCost] = []
    seen: set[int] = set()
    for index, layer in enumerate(net.layers):
        if layer.param.type == "Split" and layer.name not in written:
            continue
        costs.append(_cost(net, index, layer, seen))
    shapes = [shape for cost in costs for shape in cost.shapes]
    return NetCost(net.name, tuple(costs), shapes[0][0] if shapes and shapes[0] else 1)


def _cost(net: Net, index: int, layer: Layer, seen: set[int]) -> LayerCost:
    bottoms, tops = net.bottoms[index], net.tops[index]
    own = 0
    for blob in layer.blobs:
        owner = blob.owner or blob
        own += 0 if id(owner) in seen else blob.count
        seen.add(id(owner))
    made = [blob for blob in tops if not any(blob is one for one in bottoms)]
    return LayerCost(
        name=layer.name,
        type=layer.param.type,
        bottoms=tuple(net.bottom_names[index]),
        tops=tuple(net.top_names[index]),
        shapes=tuple(blob.shape for blob in tops),
        parameter_shapes=tuple(blob.shape for blob in layer.blobs),
        parameters=sum(blob.count for blob in layer.blobs),
        own_parameters=own,
        multiply_adds=_multiply_adds(layer, bottoms, tops),
        memory=FLOAT * sum(prod(blob.shape) for blob in made),
    )


def _multiply_adds(layer: Layer, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> int:
    """Products with weights, each with its addition; biases and all else are not counted."""
    kind = layer.param.type
    if not layer.blobs:
        return 0
    weight = layer.blobs[0].shape
    if kind == "Convolution":
        return sum(blob.count for blob in tops) * prod(weight[1:])
    if kind == "Deconvolution":
        return sum(blob.count for blob in bottoms) * prod(weight[1:])
    if kind == "InnerProduct":
        inputs = layer.blobs[0].count // layer.param.inner_product_param.num_output
        return tops[0].count * inputs
    if kind in RECURRENT:
        steps = prod(bottoms[0].shape[:2])
        return steps * sum(blob.count for blob in layer.blobs if len(blob.shape) > 1)
    return 0


def clear_fillers(message: Any) -> None:
    """Let every parameter start as a constant: nothing is drawn."""
    for declared, value in message.ListFields():
        if kind_of(declared) != "message":
            continue
        if declared.message_type.name == "FillerParameter":
            message.ClearField(declared.name)
        else:
            for one in value if is_repeated(declared) else [value]:
                clear_fillers(one)
