"""ArgMax in many settings (it has no gradient)."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _argmax(name: str, settings: str = "", bottom: tuple[int, ...] | str = (3, 4, 2, 5)) -> Case:
    text = f"argmax_param {{ {settings} }}"
    return Case(f"argmax-{name}", "ArgMax", text, (bottom,), phase="TEST")


CASES = [
    _argmax("default"),
    _argmax("top-3", "top_k: 3"),
    _argmax("value", "out_max_val: true"),
    _argmax("values", "out_max_val: true top_k: 4"),
    _argmax("axis", "axis: 1"),
    _argmax("axis-0", "axis: 0 top_k: 2"),
    _argmax("axis-values", "axis: 2 out_max_val: true top_k: 2"),
    _argmax("axis-negative", "axis: -1 top_k: 5"),
    _argmax("two-axes", "top_k: 2", (5, 7)),
    _argmax("two-axes-axis", "axis: 1", (5, 7)),
    _argmax("one-axis", "", (6,)),
    _argmax("one-axis-axis", "axis: 0 top_k: 3", (6,)),
    _argmax("five-axes", "out_max_val: true", (2, 3, 2, 2, 3)),
    _argmax("equal", "top_k: 5", "labels:3:4,20"),
    _argmax("equal-one", "", "labels:3:4,20"),
    _argmax("equal-axis", "axis: 1 top_k: 3", "labels:2:3,6,4"),
    _argmax("equal-axis-one", "axis: 1", "labels:2:3,6,4"),
]
