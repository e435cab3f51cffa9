"""SoftmaxWithLoss in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("loss", "SoftmaxWithLoss", bottoms=((6, 10), "labels:10")),
    Case("loss-spatial", "SoftmaxWithLoss", bottoms=((2, 5, 3, 4), "labels:5")),
    Case(
        "loss-weight",
        "SoftmaxWithLoss",
        "loss_weight: 0.3",
        bottoms=((6, 10), "labels:10"),
    ),
    Case(
        "loss-ignore",
        "SoftmaxWithLoss",
        "loss_param { ignore_label: 2 }",
        ((2, 5, 3, 4), "labels:5"),
    ),
    *(
        Case(
            f"loss-{mode.lower()}",
            "SoftmaxWithLoss",
            f"loss_param {{ ignore_label: 1 normalization: {mode} }}",
            ((2, 4, 3, 4), "labels:4"),
        )
        for mode in ("FULL", "VALID", "BATCH_SIZE", "NONE")
    ),
    *(
        Case(
            f"loss-normalize-{value}",
            "SoftmaxWithLoss",
            f"loss_param {{ ignore_label: 1 normalize: {value} }}",
            ((2, 4, 3, 4), "labels:4"),
        )
        for value in ("true", "false")
    ),
]
