"""Parameters shared by name: whose multipliers count, and what does not fit."""

from __future__ import annotations

import pytest

from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'


def net(*params: str) -> Net:
    """A fully connected layer for each spec of its weight, all read by one sum and loss."""
    text = INPUT
    for index, param in enumerate(params):
        text += (
            f'layer {{ name: "ip{index}" type: "InnerProduct" bottom: "x" top: "y{index}" '
            f'param {{ name: "w" {param} }} inner_product_param {{ num_output: 2 }} }}\n'
        )
    return Net(parse_text(text, caffe_pb2.NetParameter, "net"))


def test_multipliers_come_from_whoever_gives_them() -> None:
    """The first layer gives one, the second the other; both count for the one parameter."""
    found = net("lr_mult: 2", "decay_mult: 3").parameters.learnables[0]
    assert (found.lr_mult, found.decay_mult) == (2, 3)


def test_a_layer_computes_the_gradient_that_it_asks_for_itself() -> None:
    """lr_mult 0 in the first layer leaves the second one's gradient, as in Caffe."""
    built = net("lr_mult: 0", "")
    assert [layer.learns[0] for layer in built.layers[-2:]] == [False, True]
    assert built.parameters.learnables[0].lr_mult == 0


@pytest.mark.parametrize("field", ["lr_mult", "decay_mult"])
def test_two_that_differ_are_refused(field: str) -> None:
    """Also when the owner gives none and two others disagree."""
    with pytest.raises(CaffeMnistError, match=f"'w' has {field} 2, but 3"):
        net("", f"{field}: 3", f"{field}: 2")
