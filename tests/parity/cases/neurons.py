"""Layers that work element by element in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("relu", "ReLU"),
    Case("relu-in-place", "ReLU", in_place=True),
    Case("relu-leaky", "ReLU", "relu_param { negative_slope: 0.1 }"),
    Case("relu-leaky-in-place", "ReLU", "relu_param { negative_slope: 0.3 }", in_place=True),
    Case("sigmoid", "Sigmoid"),
    Case("sigmoid-in-place", "Sigmoid", in_place=True),
    Case("sigmoid-vector", "Sigmoid", bottoms=((5, 4),)),
    Case("tanh", "TanH"),
    Case("tanh-in-place", "TanH", in_place=True),
    Case("tanh-vector", "TanH", bottoms=((5, 4),)),
    Case("dropout-test", "Dropout", phase="TEST"),
    Case("dropout-in-place-test", "Dropout", phase="TEST", in_place=True),
    Case("dropout-ratio-test", "Dropout", "dropout_param { dropout_ratio: 0.9 }", phase="TEST"),
]
