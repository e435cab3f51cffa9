"""The graph as somebody meets it who opens the file: names, shared weights, what is left out."""

from __future__ import annotations

import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.exchange.build import build
from caffe_mnist.exchange.graph import Graph
from caffe_mnist.exchange.module import GraphModule
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 6 } } }\n'
FULL = (
    'layer {{ name: "{0}" type: "InnerProduct" bottom: "{1}" top: "{0}" {2} '
    'inner_product_param {{ num_output: 6 weight_filler {{ type: "xavier" }} }} }}\n'
)
SHARED = 'param { name: "w" } param { name: "b" }'


def graph(text: str) -> Graph:
    """Of a net with random weights."""
    param = parse_text(INPUT + text, caffe_pb2.NetParameter, "test")
    net = Net(param, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(2)))
    return build(net, Preprocessing(None)).graph


def names(found: Graph) -> list[list[str]]:
    """What the nodes make."""
    return [node.outputs for node in found.nodes]


def test_values_bear_the_names_of_their_blobs() -> None:
    """Also where several layers read a blob, or one works in place."""
    text = FULL.format("a", "x", "") + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }\n'
    text += FULL.format("b", "a", "") + FULL.format("c", "a", "")
    found = graph(text)
    assert names(found) == [["a/Gemm"], ["a"], ["b"], ["c"]]
    assert [port.name for port in found.outputs] == ["b", "c"]


def test_an_input_that_is_overwritten_keeps_its_name() -> None:
    """The output, of the same name in the net, gets another."""
    found = graph('layer { name: "r" type: "ReLU" bottom: "x" top: "x" }\n')
    assert [port.name for port in found.inputs] == ["x"]
    assert [port.name for port in found.outputs] == ["x_out"]


def test_an_output_that_is_an_input_is_a_node() -> None:
    """Formats want somebody to make an output."""
    found = graph('layer { name: "d" type: "Dropout" bottom: "x" top: "y" }\n')
    assert [(node.kind, node.outputs) for node in found.nodes] == [("Identity", ["y"])]
    assert torch.equal(GraphModule(found)(torch.ones(2, 6))[0], torch.ones(2, 6))


def test_shared_weights_are_stored_once() -> None:
    """By the names of the params."""
    found = graph(FULL.format("a", "x", SHARED) + FULL.format("b", "a", SHARED))
    assert list(found.constants) == ["a/0", "a/1"]


def test_what_no_output_needs_is_left_out() -> None:
    """Branches into Silence."""
    text = FULL.format("a", "x", "") + FULL.format("b", "x", "")
    found = graph(text + 'layer { name: "s" type: "Silence" bottom: "b" }\n')
    assert names(found) == [["a"]]
    assert list(found.constants) == ["a/0", "a/1"]
