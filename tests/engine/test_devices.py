"""Every layer on a GPU as on the CPU, forward and backward: the cases that real Caffe judges."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from caffe_mnist.brew.devices import find_device, find_gpus
from caffe_mnist.engine import layer as layer_module
from caffe_mnist.engine.data.transfer import Sent, Transfer
from caffe_mnist.engine.layer import LOOKS, Layer, Surroundings, layers
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.precision import FP32, PRECISIONS, set_products
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.recorder import CudaRecorder
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
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


class _Sending(Transfer):
    """Batches to a device that has no streams."""

    def take(self, sent: Sent) -> list[Tensor]:
        """The batch, there."""
        return [values.to(self.device) for values in sent.arrays]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.name)
def test_layer_waits_for_no_device(
    case: Case, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that tells no values (`meta`): all arrays lie there, and none is asked for."""
    monkeypatch.setattr("caffe_mnist.engine.layers.source.transfer_to", _Sending)
    monkeypatch.setattr(layer_module, "LOOKS", 0)  # as while iterations are recorded
    if not layers.get(case.type).repeats:
        pytest.skip("its operations depend on values, so it is not recorded")
    if case.files:
        case.files(tmp_path)
    param = parse_text(case.net(tmp_path), caffe_pb2.NetParameter, case.name)
    phase = caffe_pb2.TEST if case.phase == "TEST" else caffe_pb2.TRAIN
    there = torch.device("meta")
    around = Surroundings(phase, there, RandomNumbers(1), precision=PRECISIONS[precision])
    net = Net(param, around)
    try:
        for shape, blob in zip(case.shapes(), net.blobs.values()):
            blob.data = torch.zeros(shape, device=there)
        net.given = net.draw()
        net.forward()
        if case.phase == "TRAIN":
            for blob in net.tops[-1]:
                blob.diff = torch.zeros(blob.shape, device=there)
            net.parameters.clear_diffs()
            net.backward(len(net.layers) - 1, len(net.layers) - 1)
        for blob in [*net.blobs.values(), *net.layers[-1].blobs]:
            assert blob.data.device == blob.diff.device == there
        assert all(blob.diff.dtype == torch.float32 for blob in net.layers[-1].blobs)
    finally:
        net.close()


def test_values_are_looked_at_before_a_recording() -> None:
    """On the CPU in every pass; on a device in those that warm up, so that faults are said."""
    param = caffe_pb2.LayerParameter(name="x", type="Embed")
    assert all(Layer(param, Surroundings()).looks() for _ in range(5))
    far = Layer(param, Surroundings(device=torch.device("meta")))
    assert [far.looks() for _ in range(5)] == [True, True, True, False, False]
    assert CudaRecorder.warm_ups >= LOOKS


def test_the_gpu_that_is_named_is_the_present_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """So that nothing takes memory of the first one; and none is named twice."""
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    assert find_device("1", "caffe.cpp:197") == torch.device("cuda", 1)
    assert chosen == [1]
    assert "Using GPUs 1" in capfd.readouterr().err
    assert find_gpus("all") == [0, 1]
    with pytest.raises(CaffeMnistError, match="names a GPU twice"):
        find_gpus("0,1,0")


def test_every_type_has_a_case() -> None:
    """None of Caffe's is left out on the GPU, beside those that only hand arrays in and out."""
    missing = sorted({name for name in layers if not layers.get(name).fork} - set(FIRST))
    assert missing == ["HDF5Output", "Input", "MemoryData"]
