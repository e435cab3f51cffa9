"""Nets with bare inputs, as Caffe upgrades them."""

from __future__ import annotations

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.upgrade import with_input_layer

LAYER = ' layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }'


@pytest.mark.parametrize(
    "head",
    [
        'input: "a" input_dim: [1, 2, 3, 4]',
        'input: "a" input_shape { dim: [1, 2, 3, 4] }',
    ],
)
def test_bare_inputs_become_an_input_layer(head: str) -> None:
    """Both old ways give one Input layer before all others, as in Caffe."""
    net = parse_text(head + LAYER, caffe_pb2.NetParameter, "net")
    upgraded = with_input_layer(net)
    wanted = (
        'layer { name: "input" type: "Input" top: "a" input_param { shape { dim: [1,2,3,4] } } }'
    )
    assert upgraded == parse_text(wanted + LAYER, caffe_pb2.NetParameter, "net")
    assert net.input == ["a"]


def test_shapes_that_do_not_match_the_inputs_are_refused() -> None:
    """Two inputs with four dims between them are an error."""
    text = 'input: "a" input: "b" input_dim: [1, 2, 3, 4]'
    with pytest.raises(CaffeMnistError, match="2 inputs, with 0 input_shape and 4 input_dim"):
        with_input_layer(parse_text(text, caffe_pb2.NetParameter, "net"))
