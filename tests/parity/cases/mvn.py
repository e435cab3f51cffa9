"""MVN in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _mvn(
    name: str, settings: str = "", shape: tuple[int, ...] = (2, 3, 4, 5), phase: str = "TRAIN"
) -> Case:
    return Case(f"mvn-{name}", "MVN", f"mvn_param {{ {settings} }}", (shape,), phase=phase)


CASES = [
    _mvn("default"),
    _mvn("across", "across_channels: true"),
    _mvn("means", "normalize_variance: false"),
    _mvn("means-across", "normalize_variance: false across_channels: true"),
    _mvn("eps", "eps: 0.5"),
    _mvn("three-axes", "", (2, 3, 7)),
    _mvn("two-axes-across", "across_channels: true", (4, 6)),
    _mvn("two-axes", "eps: 0.1", (4, 6)),
    _mvn("one-axis-means", "normalize_variance: false", (5,)),
    Case("mvn-in-place-test", "MVN", in_place=True, phase="TEST"),
    Case("mvn-means-in-place", "MVN", "mvn_param { normalize_variance: false }", in_place=True),
]
