"""Layers that join, split and reshape in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("split", "Split", tops=3),
    Case("split-two", "Split", bottoms=((4, 5),), tops=2),
    Case("split-one", "Split", tops=1),
    Case("flatten", "Flatten"),
    Case("flatten-axes", "Flatten", "flatten_param { axis: 0 end_axis: 2 }"),
    Case("flatten-negative", "Flatten", "flatten_param { axis: -2 end_axis: -1 }"),
    Case("flatten-nothing", "Flatten", "flatten_param { axis: 2 end_axis: 1 }"),
    Case("concat", "Concat", bottoms=((2, 3, 4, 5), (2, 1, 4, 5))),
    Case("concat-axis", "Concat", "concat_param { axis: 0 }", ((2, 3), (4, 3), (1, 3))),
    Case("concat-negative", "Concat", "concat_param { axis: -1 }", ((2, 3), (2, 5))),
    Case("concat-one", "Concat", bottoms=((2, 3, 4, 5),)),
    Case("concat-dim", "Concat", "concat_param { concat_dim: 1 }", ((2, 3), (2, 2))),
    Case("eltwise-sum", "Eltwise", bottoms=((2, 3, 4, 5),) * 3),
    Case(
        "eltwise-coefficients",
        "Eltwise",
        "eltwise_param { operation: SUM coeff: 0.5 coeff: -2 }",
        ((2, 3, 4, 5),) * 2,
    ),
    Case("eltwise-max", "Eltwise", "eltwise_param { operation: MAX }", ((2, 3, 4, 5),) * 3),
    Case(
        "eltwise-max-equals",
        "Eltwise",
        "eltwise_param { operation: MAX }",
        ((2, 3, 4, 5), "labels:2:2,3,4,5", "labels:2:2,3,4,5", "labels:2:2,3,4,5"),
    ),
    Case("eltwise-prod", "Eltwise", "eltwise_param { operation: PROD }", ((2, 3, 4, 5),) * 3),
    Case(
        "eltwise-prod-unstable",
        "Eltwise",
        "eltwise_param { operation: PROD stable_prod_grad: false }",
        ((2, 3, 4, 5),) * 2,
        positive=True,
    ),
]
