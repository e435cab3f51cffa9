"""A net as boxes and arrows."""

from __future__ import annotations

from caffe_mnist.drawing.graph import Graph, graph_of
from caffe_mnist.drawing.words import COLOURS, colour_of, settings_of
from caffe_mnist.engine.layer import layers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

NET = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "side" type: "TanH" bottom: "conv" top: "side" }
layer { name: "late" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "sum" type: "Eltwise" bottom: "conv" bottom: "side" bottom: "side" top: "sum" }
layer { name: "acc" type: "Accuracy" bottom: "sum" bottom: "label" top: "acc"
  include { phase: TEST } }
"""


def graph(text: str, shapes: dict[int, dict[str, tuple[int, ...]]] | None = None) -> Graph:
    """The graph of a net's text."""
    return graph_of(parse_text(text, caffe_pb2.NetParameter, "net"), shapes or {})


def titles(found: Graph) -> list[list[str]]:
    """The layers in each box."""
    return [[text for text, bold in node.lines if bold] for node in found.nodes]


def test_layers_in_place_share_a_box() -> None:
    """Unless somebody read the blob before: then the order would be hidden."""
    assert titles(graph(NET)) == [
        ["data"], ["data"], ["conv", "relu"], ["side"], ["late"], ["sum"], ["acc"]
    ]  # fmt: skip


def test_arrows_follow_the_blobs() -> None:
    """From the last layer that works in place; from both phases, but to no other phase's."""
    found = {(edge.source, edge.target, edge.label) for edge in graph(NET).edges}
    assert found == {
        (0, 2, "data"), (1, 2, "data"), (2, 3, ""), (2, 4, ""), (4, 5, ""), (3, 5, ""),
        (5, 6, ""), (1, 6, "label"),
    }  # fmt: skip


def test_shapes_are_those_of_the_phase() -> None:
    """Each box names what it makes; the blob's name only where it is not the layer's."""
    found = graph(NET, {0: {"data": (64, 1), "conv": (64, 3)}, 1: {"data": (10, 1), "acc": ()}})
    assert [text for text, _ in found.nodes[0].lines[-2:]] == ["→ data 64×1", "→ label"]
    assert found.nodes[1].lines[-2][0] == "→ data 10×1"
    assert ("→ 64×3", False) in found.nodes[2].lines
    assert found.nodes[6].lines[-1][0] == "→ 1"


def settings(text: str) -> list[str]:
    """What a box says of a layer."""
    return settings_of(parse_text(text, caffe_pb2.LayerParameter, "layer"))


def test_boxes_say_what_matters() -> None:
    """Kernels, strides and padding that are not the usual ones, outputs, ratios."""
    conv = 'type: "Convolution" convolution_param { num_output: 8 %s }'
    assert settings(conv % "kernel_size: 5") == ["5×5", "8 outputs"]
    assert settings(conv % "kernel_h: 1 kernel_w: 7 pad_h: 0 pad_w: 3 group: 2") == [
        "1×7, pad 0×3", "8 outputs, 2 groups"
    ]  # fmt: skip
    assert settings(conv % "kernel_size: [3, 1, 2] stride: 2 dilation: 4")[0] == (
        "3×1×2, stride 2, dilation 4"
    )
    pool = 'type: "Pooling" pooling_param { pool: AVE %s }'
    assert settings(pool % "kernel_size: 3 stride: 2 pad: 1") == ["AVE 3×3, stride 2, pad 1"]
    assert settings(pool % "kernel_h: 2 kernel_w: 3") == ["AVE 2×3"]
    assert settings(pool % "global_pooling: true") == ["AVE, global"]
    assert settings('type: "Dropout" dropout_param { dropout_ratio: 0.4 }') == ["ratio 0.4"]
    assert settings('type: "Data" data_param { source: "/a/b_lmdb/" batch_size: 9 }') == [
        "b_lmdb, batch of 9"
    ]
    assert settings('type: "ReLU" include { phase: TEST }') == ["only in TEST"]


def test_every_layer_type_can_be_described() -> None:
    """Also without any settings; and the colours are of types that there are."""
    for kind in layers:
        assert colour_of(kind).startswith("#")
        assert isinstance(settings_of(caffe_pb2.LayerParameter(type=kind)), list)
    assert set(" ".join(COLOURS.values()).split()) <= set(layers)
