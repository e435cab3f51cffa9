"""A Source as a Draft of Caffe's layers: node after node, faults reported together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError
from caffe_mnist.exchange.arriving.draft import Draft, Style, UnfitError
from caffe_mnist.exchange.arriving.folding import fold
from caffe_mnist.exchange.arriving.names import Names
from caffe_mnist.exchange.arriving.parts.neurons import softmax
from caffe_mnist.exchange.arriving.pixels import Pixels, from_pixels
from caffe_mnist.exchange.arriving.site import Draw, Site, aten, operators
from caffe_mnist.exchange.arriving.source import Node, Port, Ref, Source
from caffe_mnist.exchange.arriving.value import BATCH, Shape, Value
from caffe_mnist.registry import Registry

MOST_FAULTS = 20


@dataclass
class Arrived:
    """The layers, and the names and shapes (an open batch as BATCH) of inputs and outputs."""

    draft: Draft
    inputs: dict[str, Shape]
    outputs: dict[str, Value]


def convert(
    source: Source,
    style: Style,
    shapes: Mapping[str, Sequence[int]],
    *,
    pixels: Pixels | None = None,
    ends_in_softmax: bool = False,
) -> Arrived:
    """Draw all that the outputs need. Raises CaffeMnistError: a line for each unfit node."""
    source.drop_unread()
    draft = Draft(style)
    known: dict[str, Any] = dict(source.constants)
    readers = source.readers()
    inputs = {}
    for port in source.inputs:
        if not readers[port.name] and len(source.inputs) > 1:
            continue
        inputs[port.name] = shape_of(port, shapes, source)
        known[port.name] = draft.input(port.name, inputs[port.name])
    if pixels is not None and inputs:
        first = next(iter(inputs))
        draft.promised[first] = 1  # the layers of the pixels alone read the input
        known[first] = from_pixels(draft, known[first], pixels)
    for name in inputs:
        draft.promised[known[name].blob] += readers[name]
    _run(source, draft, known, readers)
    outputs = {}
    for name in source.outputs:
        found = known[name]
        if not isinstance(found, Value):
            raise CaffeMnistError(f"output {name!r} is a constant", where=source.path)
        draft.hint = name
        outputs[name] = draft.plain(found)
    if ends_in_softmax:
        last = next(iter(outputs))
        draft.hint = "prob"
        outputs = {**outputs, "prob": softmax(draft, outputs[last], 1)}
        if last != "prob":
            del outputs[last]
    return Arrived(draft, inputs, outputs)


def shape_of(port: Port, shapes: Mapping[str, Sequence[int]], source: Source) -> Shape:
    """The sizes of an input: the file's, or those given; an open batch stays open."""
    sizes = port.sizes
    given = shapes.get(port.name, shapes.get("") if port is source.inputs[0] else None)
    if given is not None:
        if sizes and len(sizes) != len(given):
            raise CaffeMnistError(
                f"input {port.name!r} has {len(sizes)} axes, not {len(given)}", where=source.path
            )
        for axis, (size, wanted) in enumerate(zip(sizes, given)):
            if size is not None and size != wanted and axis:
                raise CaffeMnistError(
                    f"fixes axis {axis} of input {port.name!r} at {size}, not {wanted}",
                    where=source.path, hint="export it for this size",
                )  # fmt: skip
        sizes = sizes or (None, *given[1:])
        sizes = (sizes[0], *given[1:])
    if not sizes:
        raise CaffeMnistError(
            f"does not say the shape of input {port.name!r}", where=source.path,
            hint=f"--input-shape {port.name}=1x3x224x224",
        )  # fmt: skip
    shape = (BATCH if sizes[0] is None else sizes[0], *sizes[1:])
    if None in shape:
        text = " × ".join("?" if size is None else str(size) for size in sizes)
        raise CaffeMnistError(
            f"leaves sizes of input {port.name!r} open: {text}", where=source.path,
            hint=f"Caffe wants them: --input-shape {port.name}=1x3x224x224",
        )  # fmt: skip
    return tuple(int(size) for size in shape if size is not None)


def _run(source: Source, draft: Draft, known: dict[str, Any], readers: Mapping[str, int]) -> None:
    registry: Registry[Draw] = operators if source.language == "onnx" else aten
    names = Names(source)
    faults: list[str] = []
    for node in source.nodes:
        if any(name not in known for name in node.reads()):
            continue  # of an operator that has been reported
        draft.hint = names.of(node)
        try:
            given = _draw(source, draft, known, node, registry)
        except UnfitError as error:
            hint = f" ({error.hint})" if error.hint else ""
            faults.append(f"{source.path}: {node} {error.what}{hint}")
            continue
        for name in node.reads():
            if isinstance(known[name], Value):
                draft.promised[known[name].blob] -= 1
        results = given if isinstance(given, (list, tuple)) else [given]
        for name, value in zip(node.outputs, results):
            known[name] = value
            if isinstance(value, Value):
                draft.promised[value.blob] += readers[name]
    if len(faults) > MOST_FAULTS:
        more = len(faults) - MOST_FAULTS
        faults = [*faults[:MOST_FAULTS], f"{source.path}: and {more} more nodes"]
    if faults:
        raise ManyFaultsError(faults)


def _draw(
    source: Source, draft: Draft, known: dict[str, Any], node: Node, registry: Registry[Draw]
) -> Any:
    if source.language == "onnx" and not any(
        isinstance(known[name], Value) for name in node.reads()
    ):
        arguments = [known[one.name] if isinstance(one, Ref) else one for one in node.arguments]
        return fold(node, arguments, source.opset)
    if node.kind in registry and node.reads():
        arrays = {name: known[name] for name in node.reads()}
        if all(isinstance(one, np.ndarray) for one in arrays.values()):
            from caffe_mnist.exchange.arriving.program_runner import fold_program

            return fold_program(node, arrays)
    if node.kind not in registry:
        raise UnfitError("has no counterpart among Caffe 1.0's layers")
    try:
        return registry.get(node.kind)(Site(draft, node, source.opset, known))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UnfitError(f"has arguments that do not fit it: {error}") from None
