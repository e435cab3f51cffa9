"""A graph as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import caffe_mnist
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.graph import Graph, Port

OPSET = 18
# Of the same age as the opset, so that runtimes of that time read the file.
IR_VERSION = 8
LARGEST = 2**31 - 1


def write_onnx(graph: Graph, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the model and let ONNX's own checker read it (shapes and types of all values too).

    Raises CaffeMnistError for more weights than one file of this format holds.
    """
    import onnx
    from onnx import helper, numpy_helper

    if sum(values.nbytes for values in graph.constants.values()) > LARGEST:
        raise CaffeMnistError(
            "has more than 2 GiB of weights, too many for one ONNX file", hint="OUT.safetensors"
        )
    nodes = [
        helper.make_node(node.kind, node.inputs, node.outputs, node.name, **_attributes(node))
        for node in graph.nodes
    ]
    content = helper.make_graph(
        nodes,
        graph.name,
        [_port(port) for port in graph.inputs],
        [_port(port) for port in graph.outputs],
        [numpy_helper.from_array(values, name) for name, values in graph.constants.items()],
    )
    model = helper.make_model(
        content,
        producer_name="caffe_mnist",
        producer_version=caffe_mnist.__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path), full_check=True)


def _port(port: Port) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(port.name, _kind(port.kind), list(port.sizes))


def _attributes(node: Any) -> dict[str, Any]:
    return {key: _kind(value) if key == "to" else value for key, value in node.attributes.items()}


def _kind(name: str) -> int:
    from onnx import TensorProto

    kinds = {"float32": "FLOAT", "int64": "INT64", "bool": "BOOL", "uint8": "UINT8"}
    return int(getattr(TensorProto, kinds[name]))
