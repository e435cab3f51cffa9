"""Values of `--set`: typed by the schema, and no more generous than the text format."""

from __future__ import annotations

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.values import fault_of_value

FIELDS = caffe_pb2.SolverParameter.DESCRIPTOR.fields_by_name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_iter", "2000"), ("max_iter", "-1"), ("max_iter", "0x7fffffff"), ("max_iter", "010"),
        ("base_lr", "1e-3"), ("base_lr", "-inf"), ("base_lr", "5"), ("debug_info", "true"),
        ("solver_mode", "GPU"), ("solver_mode", "1"), ("random_seed", "-9223372036854775808"),
    ],
)  # fmt: skip
def test_a_fitting_value_has_no_fault(name: str, value: str) -> None:
    """Whole numbers, floats, truths and enums in every way to write them."""
    assert fault_of_value(FIELDS[name], value) is None


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("max_iter", "1_000", "whole number"), ("max_iter", "--1", "whole number"),
        ("max_iter", "", "whole number"), ("max_iter", "\u0661", "whole number"),
        ("max_iter", "2147483648", "cannot hold"), ("max_iter", "9" * 5000, "cannot hold"),
        ("base_lr", "1_0", "a number"), ("base_lr", "fast", "a number"),
        ("base_lr", "", "a number"),
        ("debug_info", "yes", "true or false"), ("debug_info", "-0", "true or false"),
        ("solver_mode", "TPU", "known: CPU, GPU"), ("solver_mode", "2", "known: CPU, GPU"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_explained(name: str, value: str, part: str) -> None:
    """What the field takes instead, in words."""
    fault = fault_of_value(FIELDS[name], value)
    assert fault is not None
    assert name in fault
    assert part in fault
