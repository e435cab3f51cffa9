"""Scale and Bias in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

WHOLE = (2, 3, 4, 5)
Shapes = tuple[tuple[int, ...], ...]


def _scale(name: str, settings: str = "", bottoms: Shapes = (WHOLE,), place: bool = False) -> Case:
    return Case(f"scale-{name}", "Scale", f"scale_param {{ {settings} }}", bottoms, in_place=place)


def _bias(name: str, settings: str = "", bottoms: Shapes = (WHOLE,), place: bool = False) -> Case:
    return Case(f"bias-{name}", "Bias", f"bias_param {{ {settings} }}", bottoms, in_place=place)


CASES = [
    _scale("default"),
    _scale("bias", "bias_term: true"),
    _scale("in-place", "bias_term: true", place=True),
    _scale("plain-in-place", place=True),
    _scale("axis-0", "axis: 0 bias_term: true"),
    _scale("two-axes", "axis: 1 num_axes: 2 bias_term: true"),
    _scale("first-two", "axis: 0 num_axes: 2"),
    _scale("all-after", "axis: 1 num_axes: -1 bias_term: true"),
    _scale("everything", "axis: 0 num_axes: -1 bias_term: true"),
    _scale("everything-in-place", "axis: 0 num_axes: -1 bias_term: true", place=True),
    _scale("one-number", "num_axes: 0 bias_term: true"),
    _scale("negative-axis", "axis: -1 bias_term: true"),
    _scale("negative-axes", "axis: -2 num_axes: 2"),
    _scale("vector", "axis: 0", ((7,),)),
    _scale("matrix", "bias_term: true", ((4, 6),)),
    _scale("five-axes", "axis: 2 num_axes: 2 bias_term: true", ((2, 3, 4, 2, 3),)),
    _scale("two", "", (WHOLE, (3,))),
    _scale("two-axis-0", "axis: 0", (WHOLE, (2, 3))),
    _scale("two-middle", "axis: 1", (WHOLE, (3, 4))),
    _scale("two-equal", "axis: 0", (WHOLE, WHOLE)),
    _scale("two-number", "", (WHOLE, ())),
    _scale("two-number-of-vector", "", ((3,), ())),
    _scale("two-negative", "axis: -1 bias_term: true", (WHOLE, (5,))),
    _scale("two-bias", "axis: 0 bias_term: true", (WHOLE, (2,))),
    _scale("two-in-place", "axis: 1 bias_term: true", (WHOLE, (3,)), place=True),
    _scale("two-equal-in-place", "axis: 0", (WHOLE, WHOLE), place=True),
    _bias("default"),
    _bias("in-place", place=True),
    _bias("axis-0", "axis: 0 num_axes: 2"),
    _bias("all-after", "num_axes: -1"),
    _bias("everything", "axis: 0 num_axes: -1"),
    _bias("one-number", "num_axes: 0"),
    _bias("negative-axis", "axis: -2"),
    _bias("five-axes", "axis: 1 num_axes: 3", ((2, 3, 4, 2, 3),)),
    _bias("two", "", (WHOLE, (3,))),
    _bias("two-axis-0", "axis: 0", (WHOLE, (2, 3))),
    _bias("two-equal", "axis: 0", (WHOLE, WHOLE)),
    _bias("two-number", "", (WHOLE, ())),
    _bias("two-in-place", "axis: -1", (WHOLE, (5,)), place=True),
]
