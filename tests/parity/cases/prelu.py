"""PReLU in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

SHARED = "prelu_param { channel_shared: true }"

CASES = [
    Case("prelu", "PReLU"),
    Case("prelu-shared", "PReLU", SHARED),
    Case("prelu-in-place", "PReLU", in_place=True),
    Case("prelu-shared-in-place", "PReLU", SHARED, in_place=True),
    Case("prelu-two-axes", "PReLU", bottoms=((5, 4),)),
    Case("prelu-three-axes", "PReLU", bottoms=((2, 3, 5),)),
    Case("prelu-with-zeros", "PReLU", bottoms=("labels:2:4,3,5",)),
]
