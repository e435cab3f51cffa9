"""Layers written in Python: `tests/parity/user_layers.py` under both."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.parity.cases.case import Case

# Real pycaffe finds the module beside the script that it runs.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def _python(
    name: str,
    layer: str,
    bottoms: tuple[tuple[int, ...], ...],
    tops: int = 1,
    settings: str = "",
    more: str = "",
) -> Case:
    text = f'python_param {{ module: "user_layers" layer: "{layer}" {settings} }} {more}'
    phase = "TRAIN" if bottoms else "TEST"
    return Case(f"python-{name}", "Python", text, bottoms, tops, phase, passes=3)


CASES = [
    _python("squares", "Squares", ((2, 3, 4),)),
    _python("setting", "Squares", ((2, 3, 4),), 1, "param_str: '{\"k\": 2.5}'"),
    _python("two", "Squares", ((2, 3, 4), (5,)), 2),
    _python("learns", "Rows", ((4, 2, 3, 2),)),
    _python("learns-fixed", "Rows", ((4, 3),), more="param { lr_mult: 0 } param { lr_mult: 2 }"),
    _python("loss", "Distance", ((4, 3), (4, 3)), more="loss_weight: 0.5"),
    _python("data", "Counter", (), 2),
]
