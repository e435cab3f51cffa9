"""Each operator of ONNX as Caffe's layers: in the engine, and in real Caffe."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs the models")

import onnx  # noqa: E402

from caffe_mnist.export_caffe import main  # noqa: E402
from tests.exchange.arriving.cases import CASES, Case, model  # noqa: E402

RUNNER = Path(__file__).parent / "caffe_runner.py"
Arrays = dict[str, np.ndarray[Any, Any]]


def converted(case: Case, folder: Path) -> Arrays:
    """The case's model brought to Caffe, with an input; what onnxruntime makes of this."""
    folder.mkdir()
    path = folder / "net.onnx"
    onnx.save(model(case), str(path))
    assert main([str(path), str(folder / "net")]) == 0
    x = np.random.default_rng(7).normal(size=(2, *case.shape)).astype(np.float32)
    np.savez(folder / "in.npz", x=x)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    return dict(zip(case.outputs, session.run(None, {"x": x})))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Arrays | str]]:
    """Each case's folder, and what is right; or what the conversion said."""
    root = tmp_path_factory.mktemp("cases")
    found: dict[str, tuple[Path, Arrays | str]] = {}
    for case in CASES:
        try:
            found[case.name] = (root / case.name, converted(case, root / case.name))
        except AssertionError as error:
            found[case.name] = (root / case.name, str(error) or "refused")
    return found


@pytest.fixture(scope="module")
def real(real_caffe: Path, expected: dict[str, tuple[Path, Arrays | str]]) -> None:
    """Real Caffe has run all cases."""
    folders = [folder for folder, right in expected.values() if isinstance(right, dict)]
    command = [real_caffe / "caffe-python", RUNNER, *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_engine_gives_the_same(
    case: Case, expected: dict[str, tuple[Path, Arrays | str]]
) -> None:
    """The command compares on batches of 1 and 3 before it writes; nothing is refused here."""
    folder, right = expected[case.name]
    assert isinstance(right, dict)
    assert (folder / "net.caffemodel").is_file()


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_real_caffe_gives_the_same(
    case: Case, expected: dict[str, tuple[Path, Arrays | str]], real: None
) -> None:
    """Names, shapes and values of all outputs, to 1e-4 of the largest, on a batch of 2."""
    folder, right = expected[case.name]
    assert isinstance(right, dict)
    found = np.load(folder / "out.npz")
    assert set(found.files) == set(right)
    for name, wanted in right.items():
        assert found[name].shape == wanted.shape
        assert np.abs(found[name] - wanted).max() <= 1e-4 * max(np.abs(wanted).max(), 1e-3), name
