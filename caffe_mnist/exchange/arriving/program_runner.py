"""Running a Source of PyTorch's operators, those alone that are known here, without its file."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from caffe_mnist.exchange.arriving.site import aten
from caffe_mnist.exchange.arriving.source import Node, Ref, Source
from caffe_mnist.exchange.arriving.value import Array

_COPIES = {"to", "_to_copy", "contiguous", "clone", "detach", "alias", "lift_fresh_copy"}
_NUMBERS = {"add", "sub", "mul", "floordiv", "mod", "neg", "truediv", "pow"}


def run_program(source: Source, given: Sequence[Array]) -> list[Array]:
    """The outputs for these inputs."""
    known: dict[str, Any] = {
        name: torch.from_numpy(values) for name, values in source.constants.items()
    }
    for port, values in zip(source.inputs, given):
        known[port.name] = torch.from_numpy(values)
    with torch.no_grad():
        for node in source.nodes:
            compute(node, known)
    return [known[name].float().numpy() for name in source.outputs]


def fold_program(node: Node, arrays: Mapping[str, Array]) -> list[Array]:
    """What an operator of constants gives."""
    known: dict[str, Any] = {name: torch.from_numpy(one) for name, one in arrays.items()}
    with torch.no_grad():
        compute(node, known)
    return [known[name].contiguous().numpy() for name in node.outputs]


def compute(node: Node, known: dict[str, Any]) -> None:
    """One operator: what it reads is in `known`, and what it gives goes there."""
    settings = {name: _found(one, known) for name, one in node.settings.items()}
    if node.origin.startswith("_operator."):
        if node.kind not in _NUMBERS:
            raise ValueError(f"{node} is not run here")
        known[node.outputs[0]] = getattr(operator, node.kind)(*settings.values())
        return
    if not node.origin.startswith("torch.ops.aten.") or node.kind not in aten:
        raise ValueError(f"{node} is not run here")
    if node.kind in _COPIES:
        first = next(iter(settings.values()))
        known[node.outputs[0]] = first.contiguous().clone()
        return
    if node.kind in ("view", "_unsafe_view"):  # what is before may lie otherwise here
        known[node.outputs[0]] = settings["self"].reshape(settings["size"])
        return
    *_, overload = node.origin.split(".")
    settings.pop("dtype", None)
    call = getattr(getattr(torch.ops.aten, node.kind), overload, None)
    if call is None:  # an overload that only the form in place has
        call = getattr(torch.ops.aten, node.kind)
    made = call(**settings)
    for name, one in zip(node.outputs, made if isinstance(made, (tuple, list)) else [made]):
        known[name] = one


def _found(argument: Any, known: dict[str, Any]) -> Any:
    if isinstance(argument, Ref):
        return known[argument.name]
    if isinstance(argument, list):
        return [_found(one, known) for one in argument]
    return argument
