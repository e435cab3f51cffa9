"""Phase, level and stage rules."""

from __future__ import annotations

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text


@pytest.mark.parametrize(
    ("rules", "state", "kept"),
    [
        ("", "phase: TRAIN", True),
        ("include { phase: TRAIN }", "phase: TRAIN", True),
        ("include { phase: TEST }", "phase: TRAIN", False),
        ("exclude { phase: TRAIN }", "phase: TRAIN", False),
        ("exclude { phase: TEST }", "phase: TRAIN", True),
        ("include { min_level: 2 }", "level: 1", False),
        ("include { min_level: 2 }", "level: 2", True),
        ("include { max_level: 2 }", "level: 3", False),
        ('include { stage: "a" stage: "b" }', 'stage: "a"', False),
        ('include { stage: "a" stage: "b" }', 'stage: "b" stage: "a"', True),
        ('include { not_stage: "a" }', 'stage: "a"', False),
        ('include { stage: "a" } include { stage: "b" }', 'stage: "b"', True),
        ('include { phase: TEST stage: "a" }', 'phase: TEST stage: "b"', False),
    ],
)
def test_rules(rules: str, state: str, kept: bool) -> None:
    """A layer is in when one of its include rules, or none of its exclude rules, holds."""
    net = parse_text(
        f'state {{ {state} }} layer {{ name: "x" type: "Input" {rules} }}',
        caffe_pb2.NetParameter,
        "test",
    )
    assert bool(filter_net(net).layer) is kept


def test_include_and_exclude_together_are_refused() -> None:
    """As in Caffe, a layer has one kind of rules."""
    net = parse_text(
        'layer { name: "x" include { phase: TEST } exclude { phase: TEST } }',
        caffe_pb2.NetParameter,
        "test",
    )
    with pytest.raises(CaffeMnistError, match="both include and exclude"):
        filter_net(net)
