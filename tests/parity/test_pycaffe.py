"""One and the same script under real pycaffe and under ours, with one and the same outcome."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fixtures import warm

SCRIPTS = Path(__file__).parent / "pycaffe_scripts"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem != "notes")
TOLERANCE = 1e-4


def outcome(program: list[str | Path], name: str, folder: Path) -> dict[str, Any]:
    """What the script `name` notes under `program`, run in a folder of its own."""
    folder.mkdir()
    words = [*program, SCRIPTS / f"{name}.py", "notes.pkl"]
    result = warm.run(words, cwd=folder, env={**os.environ, "GLOG_minloglevel": "2"})
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, Any] = pickle.loads((folder / "notes.pkl").read_bytes())
    return found


def differences(where: str, real: Any, ours: Any) -> list[str]:
    """Where two outcomes differ, one line each."""
    if isinstance(real, (np.ndarray, float, np.floating)):
        return _unlike(where, np.asarray(real), np.asarray(ours))
    if isinstance(real, dict):
        if not isinstance(ours, dict) or real.keys() != ours.keys():
            return [f"{where}: keys {list(real)} there, {ours} here"]
        pairs = [(f"{where}: {key}", real[key], ours[key]) for key in real]
    elif isinstance(real, list):
        if not isinstance(ours, list) or len(real) != len(ours):
            return [f"{where}: {real} there, {ours} here"]
        pairs = [(f"{where}[{k}]", *both) for k, both in enumerate(zip(real, ours))]
    else:
        return [] if real == ours else [f"{where}: {real!r} there, {ours!r} here"]
    return [line for pair in pairs for line in differences(*pair)]


def _unlike(where: str, real: Any, ours: Any) -> list[str]:
    if (real.shape, real.dtype) != (ours.shape, ours.dtype):
        return [f"{where}: {real.dtype}{real.shape} there, {ours.dtype}{ours.shape} here"]
    if not real.size:
        return []
    scale = max(float(np.abs(real).max()), 1e-3)
    worst = float(np.abs(real.astype(float) - ours).max()) / scale
    return [f"{where}: differs by {worst:.1e} of the largest value"] if worst > TOLERANCE else []


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_script_sees_the_same(name: str, real_caffe: Path, tmp_path: Path) -> None:
    """Names, shapes, values within 1e-4 of the largest, and kinds of exceptions agree."""
    real = outcome([real_caffe / "caffe-python"], name, tmp_path / "real")
    ours = outcome([sys.executable, "-m", "caffe_mnist.pycaffe"], name, tmp_path / "ours")
    assert real.keys() == ours.keys()
    found = [line for key in real for line in differences(key, real[key], ours[key])]
    assert not found, "\n".join(found[:20])
