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
    Case("loss-axis", "SoftmaxWithLoss", "softmax_param { axis: 2 }", ((2, 3, 5), "l:5:2,3")),
    Case("loss-negative-axis", "SoftmaxWithLoss", "softmax_param { axis: -1 }", ((6, 5), "l:5:6")),
    Case(
        "loss-none-weight",
        "SoftmaxWithLoss",
        "loss_weight: 2.5 loss_param { normalization: NONE }",
        ((2, 5, 3, 4), "labels:5:2,1,3,4"),
    ),
    Case(
        "loss-all-ignored",
        "SoftmaxWithLoss",
        "loss_param { ignore_label: 0 }",
        ((3, 4), "labels:1"),
    ),
]
