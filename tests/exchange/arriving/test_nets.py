"""Whole nets of today, as PyTorch writes them, in the engine and in real Caffe."""

from __future__ import annotations

import contextlib
import io
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="needs the extra `export`")
pytest.importorskip("onnxruntime", reason="runs the models")

from caffe_mnist.export_caffe import main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from tests.exchange.arriving.nets import NETS, trained

RUNNER = Path(__file__).parent / "caffe_runner.py"
# How each net is written: an opset, or "pt2" for an exported program.
FORMS = {
    "lenet": ("9", "pt2"), "resnet18": ("11", "pt2"), "resnet50": ("13",),
    "mobilenet_v1": ("17",), "mobilenet_v2": ("11",), "mobilenet_v3": ("13", "pt2"),
    "vgg16_bn": ("9",), "alexnet": ("17",), "squeezenet": ("13",), "googlenet": ("13",),
    "densenet": ("17",), "unet": ("9",), "unet_nearest": ("17",),
    "unet_bilinear": ("13", "pt2"), "unet_corners": ("13",), "shufflenet_v2": ("13", "pt2"),
    "efficientnet": ("17",), "espcn": ("9",),
}  # fmt: skip
BOTH = [(name, form) for name in NETS for form in FORMS[name]]
Arrays = dict[str, np.ndarray[Any, Any]]


def write(net: torch.nn.Module, shape: tuple[int, ...], form: str, path: Path) -> None:
    """The file as PyTorch's users write it, its batch open."""
    x = torch.zeros(2, *shape)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if form == "pt2":
            open_batch = ({0: torch.export.Dim.DYNAMIC},)
            torch.export.save(torch.export.export(net, (x,), dynamic_shapes=open_batch), path)
            return
        torch.onnx.export(
            net, (x,), str(path), opset_version=int(form), dynamo=False, input_names=["data"],
            dynamic_axes={"data": {0: "batch"}},
        )  # fmt: skip


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Path, Any]]:
    """Each net's folder with both of Caffe's files and an input, and PyTorch's outputs."""
    root = tmp_path_factory.mktemp("nets")
    found = {}
    for name in NETS:
        net, shape = trained(name)
        x = torch.from_numpy(np.random.default_rng(5).normal(size=(2, *shape)).astype(np.float32))
        with torch.no_grad():
            given = net(x)
        wanted = [one.numpy() for one in (given if isinstance(given, tuple) else (given,))]
        for form in FORMS[name]:
            folder = root / f"{name}-{form}"
            folder.mkdir()
            path = folder / f"net.{'pt2' if form == 'pt2' else 'onnx'}"
            write(net, shape, form, path)
            assert main([str(path), str(folder / "net")]) == 0
            top = read_text(folder / "net.prototxt", caffe_pb2.NetParameter).layer[0].top[0]
            np.savez(folder / "in.npz", **{top: x.numpy()})
            found[name, form] = (folder, wanted)
    return found


@pytest.fixture(scope="module")
def real(real_caffe: Path, brought: dict[tuple[str, str], tuple[Path, Any]]) -> None:
    """Real Caffe has run all nets."""
    command = [real_caffe / "caffe-python", RUNNER, *(folder for folder, _ in brought.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parity
@pytest.mark.parametrize(("name", "form"), BOTH)
def test_real_caffe_gives_what_pytorch_gives(
    name: str, form: str, brought: dict[tuple[str, str], tuple[Path, Any]], real: None
) -> None:
    """Every output to 1e-4 of its largest value, on two pictures; the command wrote layers that
    real Caffe knows, after the engine had given the same."""
    folder, wanted = brought[name, form]
    found = np.load(folder / "out.npz")
    assert len(found.files) == len(wanted)
    outputs = [found[one] for one in found.files]
    for right in wanted:
        near = [
            np.abs(one - right).max() / np.abs(right).max()
            for one in outputs
            if one.shape == right.shape
        ]
        assert min(near) <= 1e-4


def layers(folder: Path) -> dict[str, caffe_pb2.LayerParameter]:
    """The layers of a net by their names."""
    net = read_text(folder / "net.prototxt", caffe_pb2.NetParameter)
    return {one.name: one for one in net.layer}


def test_a_resnet_reads_as_one(brought: dict[tuple[str, str], tuple[Path, Any]]) -> None:
    """Names are those of the modules, BatchNorm is folded, ReLU works in place."""
    for form in FORMS["resnet18"]:
        found = layers(brought["resnet18", form][0])
        for name in ("conv1", "layer1.0.conv1", "layer2.0.downsample.0", "layer4.1.conv2", "fc"):
            assert found[name].type in ("Convolution", "InnerProduct")
        types = [one.type for one in found.values()]
        assert "BatchNorm" not in types
        assert types.count("Convolution") == 21  # 20, and one that cuts after pooling
        assert types.count("Eltwise") == 8
        assert all(one.bottom == one.top for one in found.values() if one.type == "ReLU")
        assert found["fc"].inner_product_param.num_output == 10
        assert types.count("Flatten") == 0  # InnerProduct does it


def test_the_newer_exporter_of_onnx_is_read(tmp_path: Path) -> None:
    """What torch.onnx.export writes by default since PyTorch 2.9."""
    pytest.importorskip("onnxscript", reason="PyTorch's newer exporter needs it")
    net, shape = trained("mobilenet_v3")
    path = tmp_path / "net.onnx"
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.zeros(2, *shape),), str(path), dynamo=True, input_names=["data"],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), external_data=False, verbose=False,
        )  # fmt: skip
    assert main([str(path), str(tmp_path / "net")]) == 0
    assert "features.0.0" in layers(tmp_path)
