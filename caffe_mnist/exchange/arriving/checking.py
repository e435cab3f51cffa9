"""The Caffe net in the engine against the other program's net where that runs, on random input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.exchange.arriving.convert import Arrived
from caffe_mnist.exchange.arriving.pixels import Pixels
from caffe_mnist.exchange.arriving.source import Port, Source
from caffe_mnist.exchange.arriving.value import BATCH, Array
from caffe_mnist.schema import caffe_pb2

SEED = 20
Run = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference, and the largest relative to its output's largest value."""

    absolute: float
    relative: float
    by: str
    batches: tuple[int, ...]


def compare(
    source: Source,
    arrived: Arrived,
    net: caffe_pb2.NetParameter,
    weights: Path,
    *,
    pixels: Pixels | None = None,
    softmax: bool = False,
) -> Difference:
    """Run both, on batches of 1 and 3 where the batch is open."""
    by, run = _runner(source)
    ours = Net(net, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))
    load_weights(ours, weights)
    opened = [name for name, shape in arrived.inputs.items() if BATCH in shape]
    batches = (1, 3) if opened else (next(iter(arrived.inputs.values()), (1,))[0],)
    random = np.random.default_rng(SEED)
    absolute = relative = 0.0
    for batch in batches:
        given = _inputs(source, arrived, batch, random, pixels)
        for name, values in given.items():
            ours.blobs[name].data = torch.from_numpy(values.astype(np.float32))
        ours.reshape()
        ours.forward()
        theirs = run(_theirs(source, given, pixels, batch))
        for (name, _), expected in zip(arrived.outputs.items(), theirs):
            wanted = _softmax(expected) if softmax and name == "prob" else np.asarray(expected)
            found = ours.blobs[name].data.numpy()
            if found.shape != wanted.shape:
                raise JobError(f"has shape {found.shape} in Caffe, not {wanted.shape}", where=name)
            worst = _apart(found, wanted)
            absolute = max(absolute, worst)
            relative = max(relative, worst / (float(np.abs(wanted).max(initial=0)) or 1.0))
    return Difference(absolute, relative, by, tuple(batches))


def _runner(source: Source) -> tuple[str, Run]:
    if source.language == "aten":
        from caffe_mnist.exchange.arriving.program_runner import run_program

        return "PyTorch", lambda given: run_program(source, given)
    names = [port.name for port in source.inputs]
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        from caffe_mnist.exchange.arriving.onnx_reader import load_model

        evaluator = ReferenceEvaluator(load_model(source.path))
        return "ONNX's reference", lambda given: list(evaluator.run(None, dict(zip(names, given))))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # As the file says: its optimiser merges Pad into MaxPool, which is something else.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            str(source.path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # of many kinds, none of them ours
        reason = str(error).strip().splitlines()[0]
        raise CaffeMnistError(
            f"onnxruntime does not run it: {reason}", where=source.path, hint="--no-check"
        ) from None
    return "onnxruntime", lambda given: list(session.run(None, dict(zip(names, given))))


def _inputs(
    source: Source, arrived: Arrived, batch: int, random: np.random.Generator, pixels: Pixels | None
) -> dict[str, Array]:
    """What the Caffe net gets."""
    given: dict[str, Array] = {}
    ports = {port.name: port for port in source.inputs}
    for name, shape in arrived.inputs.items():
        sizes = [batch if size == BATCH else size for size in shape]
        bytes_ = ports[name].kind == "uint8" or (pixels is not None and not given)
        given[name] = (
            random.integers(0, 256, sizes).astype(np.float32)
            if bytes_
            else random.standard_normal(sizes, np.float32)
        )
    return given


def _theirs(
    source: Source, given: Mapping[str, Array], pixels: Pixels | None, batch: int
) -> list[Array]:
    result: list[Array] = []
    for port in source.inputs:
        values: Array | None = given.get(port.name)
        if values is None:  # nothing of it is read
            values = np.zeros([batch if size is None else size for size in port.sizes])
        elif pixels is not None and not result:
            values = pixels.prepared(values)
        result.append(_typed(values, port))
    return result


def _typed(values: Array, port: Port) -> Array:
    return np.ascontiguousarray(values).astype(port.kind)


def _softmax(values: Any) -> Array:
    values = np.asarray(values, np.float64)
    raised = np.exp(values - values.max(1, keepdims=True))
    result: Array = raised / raised.sum(1, keepdims=True)
    return result


def _apart(found: Array, wanted: Array) -> float:
    """The largest difference; what is no number must be none in both."""
    same = np.isfinite(found) == np.isfinite(wanted)
    if not same.all():
        return float("inf")
    apart = np.abs(found.astype(np.float64) - wanted)
    return float(apart[np.isfinite(apart)].max(initial=0))
