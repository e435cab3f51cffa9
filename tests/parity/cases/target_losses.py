"""Losses against targets of the predictions' size in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("euclidean", "EuclideanLoss", bottoms=((5, 7), (5, 7))),
    Case("euclidean-images", "EuclideanLoss", bottoms=((2, 3, 4, 5), (2, 3, 4, 5))),
    Case("euclidean-shapes", "EuclideanLoss", bottoms=((2, 3, 4), (2, 12, 1))),
    Case("euclidean-weight", "EuclideanLoss", "loss_weight: 0.25", ((4,), (4,))),
    Case("cross-entropy", "SigmoidCrossEntropyLoss", bottoms=((5, 7), "t:2:5,7")),
    Case("cross-entropy-soft", "SigmoidCrossEntropyLoss", bottoms=((5, 7), (5, 7))),
    Case("cross-entropy-shapes", "SigmoidCrossEntropyLoss", bottoms=((2, 3, 4), "t:2:2,12")),
    Case(
        "cross-entropy-weight",
        "SigmoidCrossEntropyLoss",
        "loss_weight: 3",
        ((2, 3, 4, 5), "t:2:2,3,4,5"),
    ),
    Case(
        "cross-entropy-ignore",
        "SigmoidCrossEntropyLoss",
        "loss_param { ignore_label: 2 }",
        ((2, 3, 4, 5), "t:3:2,3,4,5"),
    ),
    *(
        Case(
            f"cross-entropy-{mode.lower()}",
            "SigmoidCrossEntropyLoss",
            f"loss_param {{ ignore_label: 2 normalization: {mode} }}",
            ((2, 3, 4, 5), "t:3:2,3,4,5"),
        )
        for mode in ("FULL", "VALID", "BATCH_SIZE", "NONE")
    ),
    *(
        Case(
            f"cross-entropy-normalize-{value}",
            "SigmoidCrossEntropyLoss",
            f"loss_param {{ ignore_label: 2 normalize: {value} }}",
            ((4, 3, 2), "t:3:4,3,2"),
        )
        for value in ("true", "false")
    ),
    Case(
        "cross-entropy-all-ignored",
        "SigmoidCrossEntropyLoss",
        "loss_param { ignore_label: 0 normalization: VALID }",
        ((3, 2), "t:1:3,2"),
    ),
]
