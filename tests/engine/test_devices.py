"""Every layer on a GPU as on the CPU, forward and backward: the cases that real Caffe judges."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.precision import FP32, set_products
from tests.engine.devices import differences, outcome
from tests.parity.cases import CASES
from tests.parity.cases.case import Case

CPU = torch.device("cpu")
TOLERANCE = 1e-4
FIRST = {case.type: case for case in reversed(CASES)}


def _outcome(case: Case, folder: Path, device: torch.device) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    if case.files and not any(folder.iterdir()):
        case.files(folder)
    return outcome(case, folder, device)


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer_on_a_gpu(case: Case, tmp_path: Path) -> None:
    """Tops, gradients of bottoms and of parameters agree within 1e-4 of the largest value."""
    set_products(FP32)
    theirs = _outcome(case, tmp_path / "data", CPU)
    ours = _outcome(case, tmp_path / "data", torch.device("cuda", 0))
    for name, worst in differences(ours, theirs).items():
        assert worst <= TOLERANCE, f"{name}: {worst:.2e} of the largest value"


@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.name)
def test_layer_twice_on_the_cpu(case: Case, tmp_path: Path) -> None:
    """The comparison itself, one case of each type: equal to itself, and not to something else."""
    ours = _outcome(case, tmp_path / "data", CPU)
    theirs = _outcome(case, tmp_path / "data", CPU)
    assert all(worst == 0 for worst in differences(ours, theirs).values())
    for name, values in theirs.items():
        if values.numel():
            changed = {**theirs, name: values + 1 + values.abs().max()}
            assert differences(ours, changed)[name] > TOLERANCE


def test_every_type_has_a_case() -> None:
    """None of Caffe's is left out on the GPU, beside those that only hand arrays in and out."""
    missing = sorted({name for name in layers if not layers.get(name).fork} - set(FIRST))
    assert missing == ["HDF5Output", "Input", "MemoryData"]
