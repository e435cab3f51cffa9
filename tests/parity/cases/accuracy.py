"""Accuracy in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("accuracy", "Accuracy", bottoms=((8, 5), "labels:5"), phase="TEST"),
    Case(
        "accuracy-top-2",
        "Accuracy",
        "accuracy_param { top_k: 2 }",
        ((8, 5), "labels:5"),
        phase="TEST",
    ),
    Case(
        "accuracy-ignore",
        "Accuracy",
        "accuracy_param { ignore_label: 3 }",
        ((2, 5, 3, 4), "labels:5"),
        phase="TEST",
    ),
    Case("accuracy-classes", "Accuracy", bottoms=((9, 4), "labels:4"), tops=2, phase="TEST"),
]
