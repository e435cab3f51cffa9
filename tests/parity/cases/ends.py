"""Parameter and Silence in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _parameter(name: str, *dims: int) -> Case:
    text = " ".join(f"dim: {size}" for size in dims)
    return Case(
        f"parameter-{name}", "Parameter", f"parameter_param {{ shape {{ {text} }} }}", bottoms=()
    )


CASES = [
    _parameter("matrix", 3, 5),
    _parameter("four-axes", 2, 3, 1, 4),
    _parameter("vector", 6),
    _parameter("number"),
    Case("silence", "Silence", tops=0),
    Case("silence-many", "Silence", bottoms=((2, 3), (4,), (1, 2, 3, 4, 5)), tops=0),
    Case("silence-test", "Silence", tops=0, phase="TEST"),
]
