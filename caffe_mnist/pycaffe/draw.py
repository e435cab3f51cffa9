"""A net's graph: layers as boxes, blobs as ellipses, in Graphviz's language or as a picture.

Functions are pycaffe's. Pictures are made by Graphviz's `dot` where it is installed, else by
this package (png and svg).
"""

from __future__ import annotations

import os
from typing import Any

from caffe_mnist.pycaffe.graph import Graph
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import holds

LAYER_STYLE = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}
COLORS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}
WINDOWS = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "Pooling": "pooling_param",
}


def get_pooling_types_dict() -> dict[int, str]:
    """The names of the pooling methods by number."""
    kind = caffe_pb2.PoolingParameter.DESCRIPTOR.enum_types_by_name["PoolMethod"]
    return {value.number: value.name for value in kind.values}


def get_edge_label(layer: caffe_pb2.LayerParameter) -> str:
    """What a layer's output is of: the batch, the number of outputs, or nothing."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_layer_lr_mult(layer: caffe_pb2.LayerParameter) -> float:
    """The learning rate multiplier of its first parameter (1 where none is given)."""
    return layer.param[0].lr_mult if layer.param else 1.0


def get_layer_label(
    layer: caffe_pb2.LayerParameter, rankdir: str, display_lrm: bool = False
) -> str:
    """Name and type, and for windows their kernel, stride and padding."""
    between = " " if rankdir in ("TB", "BT") else "\\n"
    parts = [layer.name, f"({_kind(layer)})"]
    if layer.type in WINDOWS:
        window = getattr(layer, WINDOWS[layer.type])
        for words, field, default in (
            ("kernel size", "kernel_size", 1),
            ("stride", "stride", 1),
            ("pad", "pad", 0),
        ):
            parts.append(f"{words}: {_sizes(getattr(window, field), default)}")
    if display_lrm and layer.type in ("Convolution", "Deconvolution", "InnerProduct"):
        parts.append(f"lr mult: {get_layer_lr_mult(layer):.1f}")
    return f'"{between.join(parts)}"'


def choose_color_by_layertype(layertype: str) -> str:
    """A colour for each kind of layers that learn or pool; one for the rest."""
    return COLORS.get(layertype, LAYER_STYLE["fillcolor"])


def get_pydot_graph(
    caffe_net: caffe_pb2.NetParameter,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Graph:
    """The graph of a net; with `phase`, of the layers that belong to it.

    `rankdir` is LR, RL, TB or BT.
    """
    graph = Graph(caffe_net.name or "Net", rankdir)
    blobs: dict[str, str] = {}
    edges: list[tuple[str, str, str]] = []
    for number, layer in enumerate(caffe_net.layer):
        if phase is not None and not _belongs(layer, phase):
            continue
        in_place = list(layer.top) == list(layer.bottom) and len(layer.bottom) == 1
        style = dict(NEURON_STYLE if in_place else LAYER_STYLE)
        if not in_place:
            style["fillcolor"] = choose_color_by_layertype(layer.type)
        node = f"layer{number}_{layer.name}_{layer.type}"
        graph.add_node(node, get_layer_label(layer, rankdir, display_lrm).strip('"'), style)
        for bottom in layer.bottom:
            blobs.setdefault(f"blob_{bottom}", bottom)
            edges.append((f"blob_{bottom}", node, ""))
        label = get_edge_label(layer).strip('"') if label_edges else ""
        for top in layer.top:
            blobs.setdefault(f"blob_{top}", top)
            edges.append((node, f"blob_{top}", label))
    for node, name in blobs.items():
        graph.add_node(node, name, BLOB_STYLE)
    for start, end, label in edges:
        graph.add_edge(start, end, label)
    return graph


def draw_net(
    caffe_net: caffe_pb2.NetParameter,
    rankdir: str,
    ext: str = "png",
    phase: int | None = None,
    display_lrm: bool = False,
) -> bytes:
    """The picture of a net as bytes of the format `ext` (png, svg, pdf, jpg, dot …)."""
    graph = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
    return graph.create(format=ext)


def draw_net_to_file(
    caffe_net: caffe_pb2.NetParameter,
    filename: str | os.PathLike[str],
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Write the picture of a net into a file; its ending says the format."""
    ext = os.path.splitext(os.fspath(filename))[1].lstrip(".") or "png"
    with open(filename, "wb") as file:
        file.write(draw_net(caffe_net, rankdir, ext, phase, display_lrm))


def _kind(layer: caffe_pb2.LayerParameter) -> str:
    if layer.type == "Pooling":
        return f"{get_pooling_types_dict()[layer.pooling_param.pool]} Pooling"
    return layer.type


def _sizes(values: Any, default: int) -> str:
    if isinstance(values, int):
        return str(values)
    return "x".join(map(str, values)) or str(default)


def _belongs(layer: caffe_pb2.LayerParameter, phase: int) -> bool:
    state = caffe_pb2.NetState(phase=phase)  # type: ignore[arg-type]
    if layer.include:
        return any(not rule.HasField("phase") or rule.phase == phase for rule in layer.include)
    return not any(rule.HasField("phase") and holds(rule, state) for rule in layer.exclude)
