"""LSTMUnit in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("lstm-unit", "LSTMUnit", bottoms=((1, 4, 3), (1, 4, 12), "marks:2:1,4"), tops=2),
    Case("lstm-unit-start", "LSTMUnit", bottoms=((1, 2, 5), (1, 2, 20), "marks:1:1,2"), tops=2),
    Case("lstm-unit-between", "LSTMUnit", bottoms=((1, 4, 3), (1, 4, 12), (1, 4)), tops=2),
]
