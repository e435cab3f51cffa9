"""Every layer of the engine, in many settings, against real Caffe in the same run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity.cases import CASES
from tests.parity.cases.case import Case

TOLERANCE = 1e-4
SEED = 1701
# What a bottom's gradient holds before the passes (as in net_runner.py).
UNTOUCHED = 7

Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def outcomes(
    real_caffe: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Any]:
    """For each case asked for, what was given and what real Caffe made of it, in one process."""
    folder = tmp_path_factory.mktemp("layers")
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    cases = [one.params.get("case") for one in asked if one]
    names = {case.name for case in cases if isinstance(case, Case)}
    return real_outcomes([case for case in CASES if case.name in names], folder, real_caffe)


def real_outcomes(cases: list[Case], folder: Path, real_caffe: Path) -> dict[str, Any]:
    """For each case its folder, what was given, and what real Caffe made of it."""
    given: dict[str, Arrays] = {}
    for case in cases:
        if case.files:
            (folder / case.name).mkdir()
            case.files(folder / case.name)
        given[case.name] = _given(case, folder / case.name)
        (folder / f"{case.name}.prototxt").write_text(case.net(folder / case.name))
        np.savez(
            folder / f"{case.name}.npz",
            phase=case.phase,
            passes=case.passes,
            seed=SEED,
            **given[case.name],
        )
    runner = Path(__file__).parent / "net_runner.py"
    result = subprocess.run(
        [real_caffe / "caffe-python", runner, folder], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return {
        case.name: (
            folder / case.name,
            given[case.name],
            dict(np.load(folder / f"{case.name}.out.npz")),
        )
        for case in cases
    }


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer_equals_real_caffe(case: Case, outcomes: dict[str, Any]) -> None:
    """Tops, gradients of bottoms and of parameters agree within 1e-4 of the largest value."""
    for name, worst in differences(case, outcomes[case.name]).items():
        assert worst <= TOLERANCE, f"{name}: {worst:.2e} of the largest value"


def differences(case: Case, outcome: Any) -> dict[str, float]:
    """How far the engine is from real Caffe in each array, relative to its largest value."""
    folder, given, real = outcome
    ours = _run(case, given, folder)
    assert set(ours) == set(real)
    found = {}
    for name, values in real.items():
        assert ours[name].shape == values.shape, name
        scale = max(float(np.abs(values).max(initial=0)), 1e-6)
        found[name] = float(np.abs(ours[name] - values).max(initial=0)) / scale
    return found


def _given(case: Case, folder: Path) -> Arrays:
    """Random bottoms, parameters and top gradients, the same for both sides."""
    random = np.random.default_rng(sum(map(ord, case.name)))
    net = _net(case, folder)
    given: Arrays = {}
    for index, (shape, limit) in enumerate(zip(case.shapes(), case.limits())):
        values = random.integers(0, limit, shape) if limit else random.normal(size=shape)
        if case.positive:
            values = np.abs(values) + 0.5
        given[f"in{index}"] = values.astype(np.float32)
    for index, blob in enumerate(net.layers[-1].blobs):
        values = random.normal(size=blob.shape)
        if case.positive_parameters:
            values = np.abs(values) + 0.5
        given[f"p{index}"] = values.astype(np.float32)
    _fill(net, given)
    net.forward()
    if not net.layers[-1].loss_layer:
        for index, blob in enumerate(net.tops[-1]):
            given[f"d{index}"] = random.normal(size=blob.shape).astype(np.float32)
    net.close()
    return given


def _net(case: Case, folder: Path) -> Net:
    param = parse_text(case.net(folder), caffe_pb2.NetParameter, case.name)
    phase = caffe_pb2.TEST if case.phase == "TEST" else caffe_pb2.TRAIN
    return Net(param, Surroundings(phase, generator=RandomNumbers(SEED)))


def _fill(net: Net, given: Arrays) -> None:
    for name, values in given.items():
        if name.startswith("in"):
            net.blobs[name].data = torch.from_numpy(values.copy())
    for index, blob in enumerate(net.layers[-1].blobs):
        blob.data = torch.from_numpy(given[f"p{index}"])


def _run(case: Case, given: Arrays, folder: Path) -> Arrays:
    """What net_runner.py does, on the engine."""
    net = _net(case, folder)
    _fill(net, given)
    last, layer = len(net.layers) - 1, net.layers[-1]
    out = {}
    for blob in net.bottoms[-1]:
        blob.diff = torch.full(blob.shape, float(UNTOUCHED))
    for turn in range(case.passes):
        net.forward()
        for index, blob in enumerate(net.tops[-1]):
            out[f"top{index}_{turn}"] = blob.data.numpy().copy()
    out.update((f"p{k}", blob.data.numpy().copy()) for k, blob in enumerate(layer.blobs))
    if case.phase == "TRAIN":
        for index, blob in enumerate(net.tops[-1]):
            if f"d{index}" in given:
                blob.diff = torch.from_numpy(given[f"d{index}"].copy())
        net.parameters.clear_diffs()
        net.backward(last, last)
        for name, blob in zip(net.bottom_names[-1], net.bottoms[-1]):
            out[f"diff_{name}"] = blob.diff.numpy().copy()
        for index, parameter in enumerate(layer.blobs):
            out[f"dp{index}"] = parameter.diff.numpy().copy()
    net.close()
    return out
