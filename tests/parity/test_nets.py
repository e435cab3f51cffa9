"""Whole nets from one solver and its seed: passes, losses and weights of real Caffe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.whole_nets import (
    NETS,
    Arrays,
    WholeNet,
    differences,
    engine_results,
    real_results,
)

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def outcomes(
    real_caffe: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Arrays, Arrays]]:
    """For each net, what the engine and what real Caffe made of it."""
    folder = tmp_path_factory.mktemp("nets")
    for net in NETS:
        net.write(folder / net.name)
    real = real_results(real_caffe, [folder / net.name for net in NETS])
    return {net.name: (engine_results(folder / net.name), real[net.name]) for net in NETS}


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("pass|data", 1e-4),
        ("pass|weights", 1e-4),
        ("pass|gradients", 1e-4),
        ("test0|data", 1e-4),
        ("outputs", 1e-4),
        ("end|weights", 1e-3),
    ],
)
def test_net_equals_real_caffe(
    net: WholeNet, kind: str, limit: float, outcomes: dict[str, tuple[Arrays, Arrays]]
) -> None:
    """All blobs and gradients of a pass, the losses of 10 iterations, and the weights after."""
    found = differences(*outcomes[net.name], kind)
    assert found
    worst = max(found, key=lambda name: found[name])
    assert found[worst] <= limit, f"{worst}: {found[worst]:.1e} of the largest value"
