"""Whole nets under real Caffe and under the engine: equal in every blob, or refused by both.

FUZZ_SCALE=20 runs 20 times as many random ones; FUZZ_FIRST=1000 begins at that seed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_mnist import pycaffe
from tests.parity.random_nets import passes
from tests.parity.random_nets.net import random_net
from tests.parity.random_nets.odd_nets import NETS

TOLERANCE = 1e-4
# Sums that cancel out are rounding: nothing is compared with less than this.
SMALLEST = 0.2
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
SEEDS = range(FIRST, FIRST + 60 * int(os.environ.get("FUZZ_SCALE", "1")))

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def folder(real_caffe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All nets, with what real Caffe made of them."""
    folder = tmp_path_factory.mktemp("nets")
    for name, net in NETS.items():
        (folder / f"{name}.prototxt").write_text(f"# TRAIN\n{net}")
    for seed in SEEDS:
        (folder / f"random-{seed}.prototxt").write_text(random_net(seed))
    command = [real_caffe / "caffe-python", passes.__file__, folder]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return folder


@pytest.mark.parametrize("name", NETS)
def test_odd_net_equals_real_caffe(name: str, folder: Path) -> None:
    """What once differed: equal values and gradients, and the same refusals."""
    for found in differences(folder / f"{name}.prototxt"):
        pytest.fail(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_net_equals_real_caffe(seed: int, folder: Path) -> None:
    """Layers of all types in settings that nobody thought of, each net in two passes."""
    for found in differences(folder / f"random-{seed}.prototxt"):
        pytest.fail(found)


def differences(net: Path) -> list[str]:
    """Where the engine is not as real Caffe, in words."""
    refused = net.with_suffix(".refused")
    try:
        ours = passes.run(pycaffe, str(net))
    except pycaffe.CaffeError as error:
        return [] if refused.exists() else [f"refused here only: {error}"]
    if refused.exists():
        said = [line for line in refused.read_text().splitlines() if line.startswith("F")]
        return [f"refused by real Caffe only: {said}"]
    real = dict(np.load(net.with_suffix(".npz")))
    if set(ours) != set(real):
        return [f"other arrays: {sorted(set(ours) ^ set(real))}"]
    return [found for name in real for found in _difference(name, ours[name], real[name])]


def _difference(name: str, ours: np.ndarray[Any, Any], real: np.ndarray[Any, Any]) -> list[str]:
    if ours.shape != real.shape:
        return [f"{name}: shape {ours.shape}, real Caffe {real.shape}"]
    scale = max(float(np.abs(real).max(initial=0)), SMALLEST)
    worst = float(np.abs(ours - real).max(initial=0)) / scale
    return [] if worst <= TOLERANCE else [f"{name}: {worst:.1e} of the largest value"]
