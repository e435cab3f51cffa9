"""DummyData in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _dummy(name: str, settings: str, tops: int = 1) -> Case:
    text = f"dummy_data_param {{ {settings} }}"
    return Case(f"dummy-{name}", "DummyData", text, (), tops, "TEST", passes=2)


CONSTANT = 'data_filler { type: "constant" value: 1.5 }'
BILINEAR = 'data_filler { type: "bilinear" }'

CASES = [
    _dummy("zeros", "shape { dim: 2 dim: 3 }"),
    _dummy("constant", f"{CONSTANT} shape {{ dim: 2 dim: 3 dim: 4 }}", 2),
    _dummy("each", f"{CONSTANT} {BILINEAR} shape {{ dim: 2 }} shape {{ {'dim: 4 ' * 4} }}", 2),
    _dummy("old", f"{CONSTANT} num: 2 channels: 3 height: 4 width: 1"),
    _dummy("old-each", "num: 2 num: 3 channels: 3 height: 4 height: 1 width: 1", 2),
    _dummy("uniform", 'data_filler { type: "uniform" min: -1 max: 3 } shape { dim: 4 }'),
    _dummy("gaussian", 'data_filler { type: "gaussian" std: 2 } shape { dim: 3 dim: 50 }', 2),
    _dummy(
        "mixed",
        f'data_filler {{ type: "xavier" }} {CONSTANT} shape {{ dim: 2 dim: 3 }} shape {{ dim: 1 }}',
        2,
    ),
]
