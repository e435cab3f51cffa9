"""An exported model against the engine's own forward pass, on random input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch

from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.exchange.build import Export
from caffe_mnist.exchange.graph import Array, Graph
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.exchange.varying import batches, give_batch

SEED = 20
Run = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference, and the largest relative to its output's largest value."""

    absolute: float
    relative: float
    batches: tuple[int, ...]


def compare(net: Net, export: Export, preparing: Preprocessing, run: Run) -> Difference:
    """Run both on batches of 1 and 3 where the batch is open, else on the net's own."""
    random = np.random.default_rng(SEED)
    absolute = relative = 0.0
    used = []
    for sizes in _sizes(net, export.axis):
        if export.axis is not None:
            give_batch(net, export.axis, sizes)
        given = _feed(net, export.graph, preparing, random)
        net.forward()
        blobs = [*net.outputs, *export.graph.telling.values()]
        for name, values in zip(blobs, run(given)):
            theirs, ours = np.asarray(values), net.blobs[name].data.numpy()
            if ours.shape != theirs.shape:
                raise JobError(f"has shape {theirs.shape}, not {ours.shape}", where=name)
            worst = _apart(ours, theirs)
            absolute = max(absolute, worst)
            relative = max(relative, worst / (_largest(ours) or 1.0))
        used.append(sizes[0] if sizes else 0)
    return Difference(absolute, relative, tuple(used))


def onnx_runner(path: Path, graph: Graph) -> Run | None:
    """A model run by onnxruntime, also for its telling values; None where that is missing."""
    try:
        import onnxruntime
    except ImportError:
        return None
    import onnx

    model = onnx.load(str(path))
    for name in graph.telling:
        kind = onnx.TensorProto.FLOAT
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_inputs()]

    def run(values: Sequence[Array]) -> Sequence[Array]:
        return list(session.run(None, dict(zip(names, values))))

    return run


def program_runner(path: Path) -> Run:
    """An exported program, loaded again."""
    with path.open("rb") as file:
        module = torch.export.load(file).module()

    def run(values: Sequence[Array]) -> Sequence[Array]:
        with torch.no_grad():
            return [one.numpy() for one in module(*(torch.from_numpy(x) for x in values))]

    return run


def _sizes(net: Net, axis: int | None) -> list[list[int]]:
    if axis is None:
        return [batches(net, 0)]
    own = batches(net, axis)
    if len(set(own)) > 1:
        return [own, [2 * size for size in own]]
    try:
        for size in (3, 1):
            give_batch(net, axis, [size] * len(own))
    except CaffeMnistError:  # it may take even numbers only, say
        give_batch(net, axis, own)
        return [own, [2 * size for size in own]]
    return [[1] * len(own), [3] * len(own)]


def _feed(
    net: Net, graph: Graph, preparing: Preprocessing, random: np.random.Generator
) -> list[Array]:
    """Fill the net's inputs; what the graph gets for them."""
    given = []
    for port in graph.inputs:
        shape = net.blobs[port.name].shape
        if port.name != preparing.name or preparing.pictures is None:
            values: Array = random.random(shape, np.float32)
            given.append(values)
        else:
            pictures = preparing.pictures
            pixels = random.integers(0, 256, (shape[0], *pictures.taken), np.uint8)
            values = pictures.values(pixels)
            taken = pixels.astype(port.kind) if preparing.raw else values
            given.append(np.ascontiguousarray(taken[:, ::-1]) if preparing.rgb else taken)
        net.blobs[port.name].data = torch.from_numpy(values.copy())
    net.reshape()
    return given


def _apart(ours: Array, theirs: Array) -> float:
    """How far two arrays are from each other; what is no number must be none in both."""
    same = np.isfinite(ours) == np.isfinite(theirs)
    return _largest(ours - theirs) if same.all() else float("inf")


def _largest(values: Array) -> float:
    """The largest absolute value that is a number."""
    found = np.abs(values[np.isfinite(values)])
    return float(found.max(initial=0))
