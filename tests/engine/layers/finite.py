"""Gradients of a net's loss by finite differences, beside those of its backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

MOST = 12


def build(layers: str, inputs: Mapping[str, Tensor], phase: int = caffe_pb2.TRAIN) -> Net:
    """A net over given inputs, with gradients for everything that may have one."""
    text = "force_backward: true\n"
    for name, values in inputs.items():
        dims = " ".join(f"dim: {size}" for size in values.shape)
        text += (
            f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f"input_param {{ shape {{ {dims} }} }} }}\n"
        )
    param = parse_text(text + layers, caffe_pb2.NetParameter, "test")
    net = Net(param, Surroundings(phase, generator=RandomNumbers(1)))
    for name, values in inputs.items():
        net.blobs[name].data = values.clone()
    return net


def tops(net: Net) -> list[Tensor]:
    """The outputs after a forward pass."""
    net.forward()
    return [net.blobs[name].data.clone() for name in net.outputs]


def check_gradients(
    net: Net, names: Sequence[str], step: float = 1e-2, tolerance: float = 2e-2
) -> None:
    """The gradients of inputs and parameters, for a random weighting of the net's outputs.

    In float32 differences are coarse; `step` must be small against where slopes change. Of each
    array at most MOST elements are moved.
    """
    random = torch.Generator().manual_seed(3)
    net.forward()
    first = len(net.inputs)
    weights = {}
    for name in net.outputs:
        blob = net.blobs[name]
        given = blob.diff if blob.has_diff and net.blob_loss_weights.get(name) else None
        weights[name] = (
            torch.randn(blob.shape, generator=random) if given is None else given.clone()
        )
        blob.diff = weights[name].clone()
    net.parameters.clear_diffs()
    net.backward(None, first if first < len(net.layers) else 0)
    found = {name: net.blobs[name].diff.clone() for name in names}
    places = {name: net.blobs[name] for name in names}
    for layer in net.layers:
        for index, parameter in enumerate(layer.blobs):
            if layer.learns[index]:
                key = f"{layer.name}/{index}"
                found[key], places[key] = parameter.diff.clone(), parameter

    def value() -> float:
        net.forward()
        total = 0.0
        for name, weight in weights.items():
            total += float((net.blobs[name].data.double() * weight.double()).sum())
        return total

    for name, blob in places.items():
        original = blob.data.clone()
        for index in range(0, blob.count, -(-blob.count // MOST)):
            slopes = []
            for sign in (1, -1):
                moved = original.clone().reshape(-1)
                moved[index] += sign * step
                blob.data = moved.reshape(original.shape)
                slopes.append(value())
            blob.data = original.clone()
            expected = (slopes[0] - slopes[1]) / (2 * step)
            got = float(found[name].reshape(-1)[index])
            assert abs(got - expected) <= tolerance * max(1.0, abs(expected)), (name, index)
