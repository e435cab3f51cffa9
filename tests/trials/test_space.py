"""What a sweep varies, from its arguments."""

from __future__ import annotations

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.trials.space import grid, grid_size, parse_dimension, parse_space


@pytest.mark.parametrize(
    ("text", "points", "values"),
    [
        ("type=SGD,Adam", 5, ["SGD", "Adam"]),
        ("base_lr=0.001:0.1:log", 3, ["0.001", "0.01", "0.1"]),
        ("base_lr=0.1:0.3", 3, ["0.1", "0.2", "0.3"]),
        ("max_iter=10:12:linear", 9, ["10", "11", "12"]),
        ("max_iter=1:1000:log", 4, ["1", "10", "100", "1000"]),
        ("momentum=0:1", 1, ["0"]),
        ("base_lr=0.5", 5, ["0.5"]),
        ("layer[ip1].inner_product_param.num_output=10,20", 5, ["10", "20"]),
    ],
)
def test_values(text: str, points: int, values: list[str]) -> None:
    """Choices as they are; ranges from bound to bound, whole numbers where both bounds are."""
    assert parse_dimension(text).grid(points) == values


@pytest.mark.parametrize(
    "text",
    ["base_lr", "base_lr=", "=1", "a=1,,2", "a=1,1", "a=0:1:log", "a=2:1", "a=1:2:3", "a=x:2",
     "a=1:nan", "a=1:inf", "a=1:2:log:4"],
)  # fmt: skip
def test_faults(text: str) -> None:
    """What is no range and no list is one line that says what was given."""
    with pytest.raises(CaffeMnistError, match="--vary"):
        parse_dimension(text)


def test_grid_has_every_combination_once() -> None:
    """In a fixed order, the last key fastest."""
    space = parse_space(["a=1,2", "b=x,y,z"])
    found = [tuple(values.values()) for values in grid(space, 5)]
    assert found == [(a, b) for a in "12" for b in "xyz"]
    assert grid_size(space, 5) == 6


def test_a_key_comes_once() -> None:
    """The same key twice is refused, not merged."""
    with pytest.raises(CaffeMnistError, match="base_lr twice"):
        parse_space(["base_lr=1,2", "base_lr=3,4"])
