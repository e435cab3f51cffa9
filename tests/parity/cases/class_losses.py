"""Losses of scores or probabilities against class labels in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("hinge", "HingeLoss", bottoms=((6, 10), "labels:10")),
    Case("hinge-l1", "HingeLoss", "hinge_loss_param { norm: L1 }", ((6, 10), "labels:10")),
    Case("hinge-l2", "HingeLoss", "hinge_loss_param { norm: L2 }", ((6, 10), "labels:10")),
    Case("hinge-images", "HingeLoss", "loss_weight: 0.5", ((3, 2, 2, 2), "labels:8:3,1,1,1")),
    Case(
        "hinge-l2-weight",
        "HingeLoss",
        "hinge_loss_param { norm: L2 } loss_weight: 2",
        ((4, 3), "labels:3:4,1"),
    ),
    Case("multinomial", "MultinomialLogisticLoss", bottoms=((6, 10), "labels:10"), positive=True),
    Case("multinomial-negative", "MultinomialLogisticLoss", bottoms=((6, 10), "labels:10")),
    Case(
        "multinomial-images",
        "MultinomialLogisticLoss",
        "loss_weight: 0.5",
        ((3, 4, 1, 1), "labels:4:3,1,1,1"),
        positive=True,
    ),
]
