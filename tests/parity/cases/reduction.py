"""Reduction in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _reduction(name: str, settings: str, shape: tuple[int, ...] = (2, 3, 4, 5)) -> Case:
    return Case(f"reduction-{name}", "Reduction", f"reduction_param {{ {settings} }}", (shape,))


CASES = [
    *(
        _reduction(f"{kind.lower()}{suffix}", f"operation: {kind} {settings}")
        for kind in ("SUM", "ASUM", "SUMSQ", "MEAN")
        for suffix, settings in (
            ("", ""),
            ("-axis-1", "axis: 1 coeff: 0.7"),
            ("-last", "axis: -1 coeff: -2"),
        )
    ),
    _reduction("vector", "operation: MEAN", (9,)),
    _reduction("five-axes", "axis: 3", (2, 1, 3, 2, 4)),
    Case(
        "reduction-asum-zeros",
        "Reduction",
        "reduction_param { operation: ASUM axis: 1 }",
        ("labels:2:3,8",),
    ),
    Case(
        "reduction-loss",
        "Reduction",
        "loss_weight: 0.5 reduction_param { operation: SUMSQ coeff: 0.1 }",
    ),
]
