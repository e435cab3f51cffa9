"""AbsVal, BNLL, Clip, ELU, Swish, Threshold in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CLIP = "clip_param { min: -0.5 max: 0.8 }"
FIVE_AXES = ((2, 3, 2, 2, 3),)

CASES = [
    Case("absval", "AbsVal"),
    Case("absval-vector", "AbsVal", bottoms=((7,),)),
    Case("absval-whole", "AbsVal", bottoms=("labels:3:2,5,4",)),
    Case("bnll", "BNLL"),
    Case("bnll-in-place", "BNLL", in_place=True),
    Case("bnll-large", "BNLL", bottoms=("labels:200:40,5",)),
    Case("clip", "Clip", CLIP),
    Case("clip-in-place", "Clip", CLIP, in_place=True),
    Case("clip-at-bounds", "Clip", "clip_param { min: 1 max: 2 }", ("labels:4:6,5",)),
    Case("elu", "ELU"),
    Case("elu-alpha", "ELU", "elu_param { alpha: 0.3 }", FIVE_AXES),
    Case("elu-in-place", "ELU", "elu_param { alpha: 2 }", in_place=True),
    Case("elu-no-alpha", "ELU", "elu_param { alpha: 0 }"),
    Case("swish", "Swish"),
    Case("swish-beta", "Swish", "swish_param { beta: 1.7 }", FIVE_AXES),
    Case("swish-in-place", "Swish", "swish_param { beta: -0.5 }", in_place=True),
    Case("threshold", "Threshold", phase="TEST"),
    Case("threshold-level", "Threshold", "threshold_param { threshold: 0.7 }", phase="TEST"),
    Case("threshold-in-place", "Threshold", in_place=True, phase="TEST"),
    Case(
        "threshold-equal",
        "Threshold",
        "threshold_param { threshold: 2 }",
        ("labels:5:30",),
        phase="TEST",
    ),
]
