"""LRN in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("lrn", "LRN", "lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }", ((2, 9, 4, 5),)),
    Case("lrn-k", "LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.5 k: 2 }"),
    Case("lrn-one", "LRN", "lrn_param { local_size: 1 alpha: 1 beta: 1 }"),
    Case("lrn-wider", "LRN", "lrn_param { local_size: 7 alpha: 1 beta: 0.75 }"),
    Case("lrn-within", "LRN", "lrn_param { local_size: 3 alpha: 1 norm_region: WITHIN_CHANNEL }"),
    Case(
        "lrn-within-5",
        "LRN",
        "lrn_param { local_size: 5 alpha: 2 beta: 0.5 norm_region: WITHIN_CHANNEL }",
    ),
]
