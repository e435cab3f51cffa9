"""Reshape in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _reshape(
    name: str, dims: tuple[int, ...], settings: str = "", shape: tuple[int, ...] = (2, 3, 4, 5)
) -> Case:
    text = " ".join(f"dim: {size}" for size in dims)
    text = f"reshape_param {{ shape {{ {text} }} {settings} }}"
    return Case(f"reshape-{name}", "Reshape", text, (shape,))


CASES = [
    _reshape("flat", (0, -1)),
    _reshape("infer-first", (-1, 10)),
    _reshape("copy", (0, 0, 20)),
    _reshape("copy-infer", (0, -1, 2, 0), "", (2, 3, 4, 4)),
    _reshape("all", (120,)),
    _reshape("axis", (2, 6), "axis: 1 num_axes: 2"),
    _reshape("axis-infer", (-1, 2), "axis: 2"),
    _reshape("append", (1,), "axis: -1"),
    _reshape("append-zero-axes", (1, 1), "axis: -1 num_axes: 0"),
    _reshape("prepend", (1,), "num_axes: 0"),
    _reshape("insert", (1, 1), "axis: 2 num_axes: 0"),
    _reshape("negative", (-1,), "axis: -3 num_axes: 2"),
    _reshape("squeeze", (), "axis: 1 num_axes: 2", (5, 1, 1, 4)),
    _reshape("number", (), "", (1, 1)),
    _reshape("vector", (2, -1, 1, 2, 1), "", (12,)),
    _reshape("copy-after-axis", (0, -1), "axis: 1"),
]
