"""Faults of wiring, all at once."""

from __future__ import annotations

from caffe_mnist.layouts.wiring import buildable, faults_of_wiring, names_given_twice, unfed
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

LAYERS = """
layer { name: "a" type: "Input" top: "x" }
layer { name: "b" type: "ReLU" bottom: "x" top: "x" }
layer { name: "c" type: "ReLU" bottom: "y" top: "c" }
layer { name: "d" type: "ReLU" bottom: "y" top: "x" }
layer { name: "c" type: "ReLU" bottom: "late" top: "e" }
layer { name: "f" type: "ReLU" bottom: "x" top: "late" }
layer { name: "g" bottom: "tested" top: "tested" }
layer { name: "h" type: "ReLU" bottom: "xx" top: "h" }
"""


def test_every_fault_with_its_reason() -> None:
    """Missing, too late, of the other phase, made twice, names twice, no type."""
    layers = list(parse_text(LAYERS, caffe_pb2.NetParameter, "net").layer)
    others = [caffe_pb2.LayerParameter(name="t", top=["tested"])]
    assert faults_of_wiring(layers, others) == [
        (2, "bottom 'y' is made by no layer; d needs it, too"),
        (3, "top 'x' is made by layer 'a' already"),
        (4, "bottom 'late' is not there yet: only layer 'f', further down, makes it"),
        (6, "bottom 'tested' is not there yet: only the layer itself makes it"),
        (6, "names no type"),
        (7, "bottom 'xx' is made by no layer (did you mean x?)"),
    ]
    twice = "has the name of an earlier layer (ReLU): weights go by names"
    assert names_given_twice(layers) == [(4, twice)]
    assert unfed(layers) == {2, 3, 4, 6, 7}
    assert buildable(layers, {2, 3, 4, 6, 7}) == [0, 1, 5]
