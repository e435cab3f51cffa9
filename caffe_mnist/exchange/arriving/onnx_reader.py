"""An ONNX file as a Source: opsets 7 and up, external data and functions included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.arriving.source import Node, Port, Ref, Source
from caffe_mnist.exchange.arriving.value import Array

OLDEST = 7
# What exporters write where there is no name.
_NAMELESS = ("", "main_graph", "torch_jit", "torch-jit-export", "graph")
_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger")


def read_onnx(path: Path) -> Source:
    """Read the file; raises CaffeMnistError for anything that is no valid model."""
    model = load_model(path)
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST:
        raise CaffeMnistError(
            f"is of opset {opset}, older than {OLDEST}", where=path,
            hint="onnx.version_converter brings it up to date",
        )  # fmt: skip
    graph = model.graph
    constants = {one.name: _array(one, path) for one in graph.initializer}
    if graph.sparse_initializer:
        raise CaffeMnistError("has sparse weights", where=path)
    _refuse_quantised(graph, path)
    return Source(
        path=path,
        name=path.stem if graph.name in _NAMELESS else graph.name,
        language="onnx",
        opset=opset,
        nodes=[_node(one, number) for number, one in enumerate(graph.node)],
        constants=constants,
        inputs=[_port(one, path) for one in graph.input if one.name not in constants],
        outputs=[one.name for one in graph.output],
    )


def load_model(path: Path) -> Any:
    """The model with its weights, functions written out; checked by ONNX itself."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
        if model.functions:
            import onnx.inliner

            model = onnx.inliner.inline_local_functions(model)
        for output in model.graph.output:  # the checker wants a shape, and nobody else
            if output.type.HasField("tensor_type") and not output.type.tensor_type.HasField(
                "shape"
            ):
                output.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError, OSError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CaffeMnistError(f"is no ONNX model: {reason}", where=path) from None
    return model


def _array(tensor: Any, path: Path) -> Array:
    from onnx import numpy_helper

    try:
        found: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise CaffeMnistError(f"constant {tensor.name!r}: {error}", where=path) from None
    return found


def _refuse_quantised(graph: Any, path: Path) -> None:
    for one in graph.node:
        if one.op_type in _QUANTISED:
            raise CaffeMnistError(
                f"is quantised: node {one.name!r} ({one.op_type})", where=path,
                hint="take the model from before it was quantised",
            )  # fmt: skip


def _node(proto: Any, number: int) -> Node:
    kind = proto.op_type
    if proto.domain not in ("", "ai.onnx"):
        kind = f"{proto.domain}.{kind}"
    found = Node(
        kind=kind,
        name=proto.name or (proto.output[0] if proto.output else f"{kind}_{number}"),
        arguments=[Ref(name) if name else None for name in proto.input],
        outputs=list(proto.output),
        settings={one.name: _setting(one) for one in proto.attribute},
        origin=proto,
    )
    # A name of modules, as PyTorch's newer exporter writes it down.
    said = {one.key: one.value for one in getattr(proto, "metadata_props", ())}
    if "pkg.torch.onnx.name_scopes" in said:
        scopes = _words(said["pkg.torch.onnx.name_scopes"])[:-1]
        kinds = _words(said.get("pkg.torch.onnx.class_hierarchy", ""))[:-1]
        module = scopes[-1] if scopes else ""
        leaf = bool(kinds) and kinds[-1].startswith("torch.nn.modules.")
        found.scope = module if leaf or not module else f"{module}.{kind.lower()}"
    return found


def _words(text: str) -> list[str]:
    """Those of a list as text, such as "['', 'layer1', 'layer1.0', 'conv2d_3']"."""
    return [part.strip().strip("'\"") for part in text.strip("[] ").split(",")]


def _setting(attribute: Any) -> Any:
    from onnx import AttributeProto, helper

    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        return None
    found = helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.TENSOR:
        return _array(found, Path(attribute.name))
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS):
        return np.asarray(list(found))
    return found


def _port(proto: Any, path: Path) -> Port:
    tensor = proto.type.tensor_type
    if not proto.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return Port(proto.name, (), _kind(tensor, proto.name, path))
    sizes = tuple(
        one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else None
        for one in tensor.shape.dim
    )
    return Port(proto.name, sizes, _kind(tensor, proto.name, path))


def _kind(tensor: Any, name: str, path: Path) -> str:
    """The numpy type of an input: pictures may come as bytes, and a Cast follows."""
    from onnx import helper

    kind = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    if kind not in ("float16", "float32", "float64", "uint8"):
        raise CaffeMnistError(f"input {name!r} takes {kind}, not pictures' numbers", where=path)
    return str(kind)
