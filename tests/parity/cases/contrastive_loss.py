"""ContrastiveLoss in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

PAIRS: tuple[tuple[int, ...] | str, ...] = ((8, 3), (8, 3), "similar:2:8")


def _contrastive(name: str, settings: str, more: str = "") -> Case:
    return Case(
        f"contrastive-{name}",
        "ContrastiveLoss",
        f"contrastive_loss_param {{ {settings} }} {more}",
        PAIRS,
    )


CASES = [
    _contrastive("plain", ""),
    _contrastive("margin", "margin: 4"),
    _contrastive("weight", "margin: 3", "loss_weight: 0.5"),
    _contrastive("legacy", "margin: 6 legacy_version: true"),
    _contrastive("legacy-narrow", "margin: 0.5 legacy_version: true"),
    Case(
        "contrastive-axes",
        "ContrastiveLoss",
        "contrastive_loss_param { margin: 2.5 }",
        ((5, 4, 1, 1), (5, 4, 1, 1), "similar:2:5,1,1,1"),
    ),
    Case(
        "contrastive-one-side",
        "ContrastiveLoss",
        "contrastive_loss_param { margin: 3 } "
        "propagate_down: true propagate_down: false propagate_down: false",
        PAIRS,
        force=False,
    ),
]
