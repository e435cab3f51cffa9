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
    Case(
        "accuracy-axis",
        "Accuracy",
        "accuracy_param { axis: 2 top_k: 3 }",
        ((4, 3, 6), "labels:6:4,3"),
        phase="TEST",
    ),
    Case(
        "accuracy-negative-axis",
        "Accuracy",
        "accuracy_param { axis: -1 }",
        ((4, 3, 6), "labels:6:4,3"),
        tops=2,
        phase="TEST",
    ),
    Case(
        "accuracy-classes-ignore",
        "Accuracy",
        "accuracy_param { top_k: 2 ignore_label: 1 }",
        ((5, 4, 2, 3), "labels:4"),
        tops=2,
        phase="TEST",
    ),
    Case(
        "accuracy-absent-class",
        "Accuracy",
        bottoms=((9, 6), "labels:3"),
        tops=2,
        phase="TEST",
    ),
    Case(
        "accuracy-all-ignored",
        "Accuracy",
        "accuracy_param { ignore_label: 0 }",
        ((3, 4), "labels:1"),
        tops=2,
        phase="TEST",
    ),
]
