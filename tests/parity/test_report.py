"""docs/parity.md tells of every layer type and solver, and of nothing that is too far off."""

from __future__ import annotations

import re

import pytest

from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.updates import rules
from tests.parity.report import PAGE, _power, cases_of_solvers, settings_of_layers
from tests.parity.whole_nets import NETS

# What the page compares elsewhere: these take data from outside, or write it.
APART = {"HDF5Output", "Input", "MemoryData"}


def rows(title: str) -> dict[str, list[str]]:
    """The table under a heading: cells by the first one."""
    part = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert part, title
    lines = [line.strip("| ").split(" | ") for line in part[1].splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in lines[2:]}


def test_every_layer_type_has_a_row_and_three_settings() -> None:
    """No more settings than the suite has, and none further off than 1e-4."""
    found, cases = rows("Layers"), settings_of_layers()
    assert set(found) == set(cases)
    assert set(found) | APART == {name for name in layers if not layers.get(name).fork}
    for kind, (count, difference) in found.items():
        assert 3 <= int(count) <= cases[kind], kind
        assert float(difference) <= 1e-4, kind


def test_every_solver_has_a_row_with_every_policy() -> None:
    """Weights within 1e-4, histories within 1e-3."""
    found, cases = rows("Solvers"), cases_of_solvers()
    assert set(found) == set(rules)
    for kind, (count, policies, of_weights, of_histories) in found.items():
        assert int(count) <= len(cases[kind])
        assert len(policies.split(", ")) == 7
        assert float(of_weights) <= 1e-4
        assert float(of_histories) <= 1e-3


def test_every_whole_net_has_a_row() -> None:
    """Passes and losses within 1e-4, trained weights within 1e-3."""
    found = rows("Whole nets")
    assert set(found) == {net.name for net in NETS}
    for name, cells in found.items():
        assert max(map(float, cells[:3])) <= 1e-4, name
        assert float(cells[3]) <= 1e-3, name


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1e-6, "1e-06"), (1.1e-6, "1e-05"), (9e-5, "1e-04")]
)
def test_differences_are_rounded_up(value: float, shown: str) -> None:
    """To a power of ten, so that the page does not change from run to run."""
    assert _power(value) == shown
