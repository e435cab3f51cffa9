"""Every layer that can be exported, in the settings that are compared with real Caffe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.layers.recurrent import Recurrent
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.build import build
from caffe_mnist.exchange.module import GraphModule
from caffe_mnist.exchange.onnx_file import write_onnx
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.exchange.site import writers
from caffe_mnist.exchange.varying import batches, give_batch
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity.cases import CASES
from tests.parity.cases.case import Case

pytest.importorskip("onnx", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs the exported files")

TOLERANCE = 1e-5
REFUSED = ("convolution-4d", "deconvolution-4d", "dummy-uniform", "dummy-gaussian", "dummy-each",
           "dummy-mixed", "pooling-ave-behind",
           "silence", "silence-many", "silence-test")  # fmt: skip
EXPORTED = [
    case for case in CASES if case.type in writers and not case.files and case.name not in REFUSED
]
# Of these the net itself says how large its batch is.
FIXED = {"DummyData", "Parameter"}


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.name)
def test_layer_equals_the_engine(case: Case, tmp_path: Path) -> None:
    """Run by onnxruntime and by PyTorch, on the case's batch and on one three times as big."""
    net, given = _net(case)
    export = build(net, Preprocessing(None))
    path = tmp_path / "layer.onnx"
    write_onnx(export.graph, path, {})
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(str(path), options)
    module = GraphModule(export.graph)
    for times in (1, 3) if export.axis is not None else (1,):
        feed = _grow(net, given, export.axis, times)
        net.forward()
        taken = [feed[port.name] for port in export.graph.inputs]
        real = session.run(None, {port.name: feed[port.name] for port in export.graph.inputs})
        with torch.no_grad():
            ours = [one.numpy() for one in module(*map(torch.from_numpy, taken))]
        for blob, *found in zip(net.outputs, real, ours):
            for values in found:
                _assert_equal(values, net.blobs[blob].data.numpy())


def test_the_batch_stays_open_where_it_can() -> None:
    """Only layers that give their batch a size of its own fix it."""
    fixed = {case.name: case.type for case in EXPORTED if _axis(case) is None}
    assert {kind for kind in fixed.values() if kind not in FIXED} == {
        "ArgMax", "Bias", "Crop", "LSTM", "RNN", "Reshape", "Scale",
    }  # fmt: skip
    assert len(fixed) < 32


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_exported_names_its_layer(name: str) -> None:
    """Chance, four spatial axes, and nets without outputs."""
    (case,) = (case for case in CASES if case.name == name)
    with pytest.raises(CaffeMnistError, match=r"layer 'layer' \(|has no outputs"):
        build(_net(case)[0], Preprocessing(None))


def test_an_unknown_layer_is_refused_with_those_that_are_known() -> None:
    """One line with the layer, its type and all types that there are."""
    text = """
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }
        layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 1 } } }
        layer { name: "l" type: "HingeLoss" bottom: "x" bottom: "y" top: "l" }
    """
    net = Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings(caffe_pb2.TEST))
    with pytest.raises(CaffeMnistError, match=r"'l' \(HingeLoss\): cannot be .*AbsVal, ArgMax"):
        build(net, Preprocessing(None))


def _net(case: Case) -> tuple[Net, dict[str, Any]]:
    """The case's net in its TEST phase with random weights, and its random inputs."""
    param = parse_text(case.net(Path()), caffe_pb2.NetParameter, case.name)
    param.force_backward = False
    net = Net(param, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))
    random = np.random.default_rng(sum(map(ord, case.name)))
    given = {}
    for index, (shape, limit) in enumerate(zip(case.shapes(), case.limits())):
        values = random.integers(0, limit, shape) if limit else random.normal(size=shape)
        given[f"in{index}"] = (np.abs(values) + 0.5 if case.positive else values).astype("f")
    for blob in net.layers[-1].blobs:
        values = random.normal(size=blob.shape)
        positive = case.positive_parameters or case.type == "BatchNorm"
        values = np.abs(values) + 0.5 if positive else values
        blob.data = torch.from_numpy(np.asarray(values, np.float32))
    return net, given


def _grow(net: Net, given: dict[str, Any], axis: int | None, times: int) -> dict[str, Any]:
    """The inputs one after the other that many times; recurrent layers begin anew."""
    if axis is not None and times > 1:
        give_batch(net, axis, [times * size for size in batches(net, axis)])
        given = {
            name: np.concatenate([values] * times, axis) if axis < values.ndim else values
            for name, values in given.items()
        }
    for name in net.inputs:
        net.blobs[name].data = torch.from_numpy(given[name].copy())
    for layer in net.layers:
        for state in layer.last if isinstance(layer, Recurrent) else ():
            state.zero_()
    return given


def _axis(case: Case) -> int | None:
    return build(_net(case)[0], Preprocessing(None)).axis


def _assert_equal(values: Any, expected: Any) -> None:
    assert values.shape == expected.shape
    scale = max(float(np.abs(expected[np.isfinite(expected)]).max(initial=0)), 1e-6)
    np.testing.assert_allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)
