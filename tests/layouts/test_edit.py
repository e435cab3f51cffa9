"""Changes of a message's text: the least that will do, all around kept."""

from __future__ import annotations

import pytest

from caffe_mnist.layouts.edit import append, set_values, without_fields
from caffe_mnist.layouts.source import NET, SOLVER
from caffe_mnist.schema.prototxt import Block, parse


def inner(text: str) -> Block:
    """The first message in a net's text."""
    block = parse(text, NET, "x").fields[0].value
    assert isinstance(block, Block)
    return block


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("layer { }", 'layer { top: "t" }'),
        ("layer {}", 'layer { top: "t" }'),
        ('layer { name: "a" }', 'layer { name: "a" top: "t" }'),
        ('layer < name: "a" >', 'layer < name: "a" top: "t" >'),
        ('layer {\n    name: "a"\n}\n', 'layer {\n    name: "a"\n    top: "t"\n}\n'),
        ('layer {\n\tname: "a"\n}', 'layer {\n\tname: "a"\n\ttop: "t"\n}'),
        ('layer {\r\n  name: "a"\r\n}', 'layer {\r\n  name: "a"\r\n  top: "t"\r\n}'),
        ('layer { # c\n}', 'layer { # c\n  top: "t"\n}'),
        ('layer { name: "a" # c\n}', 'layer { name: "a" # c\n  top: "t"\n}'),
        ('layer { name: "a"\n  type: "b" }', 'layer { name: "a"\n  type: "b" \n  top: "t"\n}'),
    ],
)  # fmt: skip
def test_a_line_is_added_at_the_end_of_a_message(text: str, new: str) -> None:
    """Indented as the others, with the file's line ends; never into a comment."""
    result = append(text, inner(text), ['top: "t"'])
    assert result == new
    assert [item.name for item in inner(result).fields][-1] == "top"


@pytest.mark.parametrize(
    ("text", "names", "new"),
    [
        ("max_iter: 1\nbase_lr: 2 # kept\n", ["max_iter"], "base_lr: 2 # kept\n"),
        ("max_iter: 1 # kept\nbase_lr: 2\n", ["max_iter"], " # kept\nbase_lr: 2\n"),
        ("max_iter: 1; base_lr: 2", ["max_iter"], " base_lr: 2"),
        ("stepvalue: [1, 2]\nbase_lr: 2\n", ["stepvalue"], "base_lr: 2\n"),
        ("test_state { level: 1 }\nbase_lr: 2\n", ["test_state"], "base_lr: 2\n"),
        ("test_state {\n level: 1\n}\nbase_lr: 2\n", ["test_state"], "base_lr: 2\n"),
        ("stepvalue: 1\nstepvalue: 2\n", ["stepvalue", "max_iter"], ""),
        ("base_lr: 2\n", ["max_iter"], "base_lr: 2\n"),
    ],
)
def test_fields_go_with_the_lines_that_held_nothing_else(
    text: str, names: list[str], new: str
) -> None:
    """Comments and other fields on the line stay."""
    assert without_fields(text, parse(text, SOLVER, "x"), names) == new


@pytest.mark.parametrize(
    ("text", "values", "new"),
    [
        ("stepvalue: 1\nstepvalue: 2\nstepvalue: 3\n", ["9"], "stepvalue: 9\n"),
        ("stepvalue: 1\nbase_lr: 1\nstepvalue: 3\n", ["9"], "stepvalue: 9\nbase_lr: 1\n"),
        ("stepvalue: [1, 2]\nstepvalue: 3\n", ["9"], "stepvalue: [9]\n"),
        ("stepvalue: 1 stepvalue: 2", ["7", "8", "9"], "stepvalue: 7 stepvalue: 8 stepvalue: 9"),
        ("  stepvalue: 1 # c\n", ["7", "8"], "  stepvalue: 7\n  stepvalue: 8 # c\n"),
    ],
)
def test_values_replace_values(text: str, values: list[str], new: str) -> None:
    """Old places first, further ones after the last; what is left over goes."""
    assert set_values(text, parse(text, SOLVER, "x"), "stepvalue", values) == new
