"""Exp, Log and Power in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _power(name: str, settings: str, positive: bool = False, in_place: bool = False) -> Case:
    text = f"power_param {{ {settings} }}"
    return Case(f"power-{name}", "Power", text, positive=positive, in_place=in_place)


CASES = [
    Case("exp", "Exp"),
    Case("exp-base", "Exp", "exp_param { base: 2 scale: 0.5 shift: -1 }"),
    Case("exp-shift", "Exp", "exp_param { scale: -0.7 shift: 0.3 }", ((3, 4),)),
    Case("exp-base-one", "Exp", "exp_param { base: 1 }"),
    Case("exp-in-place", "Exp", "exp_param { base: 0.5 scale: 2 }", in_place=True),
    Case("log", "Log", positive=True),
    Case("log-base", "Log", "log_param { base: 10 scale: 2 shift: 3 }", positive=True),
    Case("log-shift", "Log", "log_param { shift: 0.5 }", ((4,),), positive=True),
    Case("log-small-base", "Log", "log_param { base: 0.5 }", positive=True),
    Case("log-in-place", "Log", "log_param { base: 3 shift: 6 }", positive=True, in_place=True),
    _power("default", ""),
    _power("scale", "scale: 3 shift: -1"),
    _power("square", "power: 2 scale: 0.5 shift: 1"),
    _power("square-plain", "power: 2"),
    _power("cube", "power: 3 scale: -2"),
    _power("root", "power: 0.5 scale: 2 shift: 0.1", positive=True),
    _power("inverse", "power: -1", positive=True),
    _power("negative", "power: -1.5 scale: 0.3 shift: 2", positive=True),
    _power("zero", "power: 0"),
    _power("zero-scale", "scale: 0 shift: 3 power: 2"),
    _power("zero-all", "scale: 0 shift: 0 power: 0"),
    _power("one-in-place", "scale: 2 shift: 1", in_place=True),
    _power("square-in-place", "power: 2 shift: 1", in_place=True),
    _power("root-in-place", "power: 0.5 scale: 3", in_place=True, positive=True),
    _power("cube-in-place", "power: 3 scale: 2 shift: 1", in_place=True, positive=True),
    _power("zero-in-place", "power: 0", in_place=True),
]
