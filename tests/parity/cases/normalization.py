"""Softmax in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("softmax", "Softmax", bottoms=((4, 10),)),
    Case("softmax-spatial", "Softmax"),
    Case("softmax-axis", "Softmax", "softmax_param { axis: -1 }"),
]
