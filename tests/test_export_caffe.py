"""The command export_caffe as a user meets it: options, files of other kinds, faults."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("onnx", reason="needs the extra `export`")
pytest.importorskip("onnxruntime", reason="runs the models")

import onnx

from caffe_mnist import export
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.export_caffe import PROGRAM, main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from tests.exchange.arriving.cases import Case, model
from tests.exchange.arriving.nets import conv_bn
from tests.exchange.arriving.test_nets import write
from tests.test_export import LENET, random_weights

CONV = Case("conv", "c = Conv <pads=[1,1,1,1]> (x, w3x3x3x3, w3) y = Relu(c)", (3, 8, 8))


def brought(*arguments: object) -> int:
    """The command in this process."""
    return main([str(argument) for argument in arguments])


def saved(case: Case, path: Path) -> Path:
    """The case as a file."""
    onnx.save(model(case), str(path))
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a refusal."""
    assert brought(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{PROGRAM}: error: ")
    assert err.count("\n") == 1
    return err


def run(prototxt: Path, weights: Path, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The net's outputs in the engine."""
    net = Net(
        read_text(prototxt, caffe_pb2.NetParameter),
        Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)),
    )
    load_weights(net, weights)
    net.blobs[next(iter(net.inputs))].data = torch.from_numpy(values.copy())
    net.reshape()
    net.forward()
    return {name: net.blobs[name].data.numpy() for name in net.outputs}


def test_lenet_goes_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours as ONNX and as a program, and from there as Caffe's again: the same numbers, layers
    of the same types in the same order, and as many parameters."""
    weights = random_weights(LENET, tmp_path / "lenet.caffemodel")
    x = np.random.default_rng(3).random((4, 1, 28, 28), np.float32)
    (wanted,) = run(LENET, weights, x).values()
    own = [one.type for one in read_text(LENET, caffe_pb2.NetParameter).layer]
    for name in ("lenet.onnx", "lenet.pt2"):
        assert export.main([str(LENET), str(weights), str(tmp_path / name)]) == 0
        assert brought(tmp_path / name, tmp_path / "back") == 0
        assert "431,080 parameters" in capsys.readouterr().out
        net = read_text(tmp_path / "back.prototxt", caffe_pb2.NetParameter)
        assert [one.type for one in net.layer] == own
        (found,) = run(tmp_path / "back.prototxt", tmp_path / "back.caffemodel", x).values()
        assert np.abs(found - wanted).max() < 1e-6


def test_pixels_are_prepared_inside(tmp_path: Path) -> None:
    """--mean and --std as the training had them, --bgr as OpenCV and Caffe's nets take pictures."""
    path = saved(CONV, tmp_path / "net.onnx")
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8)).astype(np.float32)
    mean, std = np.array([120.0, 110, 100], "f"), np.array([60.0, 50, 40], "f")
    prepared = (pixels - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)
    assert brought(path, tmp_path / "plain") == 0
    wanted = run(tmp_path / "plain.prototxt", tmp_path / "plain.caffemodel", prepared)["y"]
    options = ["--mean", "120,110,100", "--std", "60,50,40"]
    for name, more, taken in (("rgb", [], pixels), ("bgr", ["--bgr"], pixels[:, ::-1])):
        assert brought(path, tmp_path / name, *options, *more) == 0
        files = (tmp_path / f"{name}.prototxt", tmp_path / f"{name}.caffemodel")
        found = run(*files, np.ascontiguousarray(taken))["y"]
        assert np.abs(found - wanted).max() < 1e-5
    assert "blue, green, red" in (tmp_path / "bgr.prototxt").read_text()


def test_styles_of_layers(tmp_path: Path) -> None:
    """BatchNorm and Scale on request, Clip as a layer, FLOOR as a field; a Softmax, a batch."""
    torch.manual_seed(0)
    net = nn.Sequential(conv_bn(3, 4, 3, act="relu6"), nn.MaxPool2d(2), nn.Flatten()).eval()
    write(net, (3, 7, 7), "pt2", tmp_path / "net.pt2")
    options = ["--batch-norm", "keep", "--clip", "Clip", "--floor", "round_mode", "--softmax"]
    assert brought(tmp_path / "net.pt2", tmp_path / "out", *options, "--batch", 5) == 0
    found = read_text(tmp_path / "out.prototxt", caffe_pb2.NetParameter).layer
    types = ["Input", "Convolution", "BatchNorm", "Scale", "Clip", "Pooling", "Flatten", "Softmax"]
    assert [one.type for one in found] == types
    assert found[0].input_param.shape[0].dim == [5, 3, 7, 7]
    assert found[5].pooling_param.round_mode == caffe_pb2.PoolingParameter.FLOOR
    assert found[7].top == ["prob"]
    assert brought(tmp_path / "net.pt2", tmp_path / "out", "--clip", "ReLU6", "--no-check") == 0
    kinds = {one.type for one in read_text(tmp_path / "out.prototxt", caffe_pb2.NetParameter).layer}
    assert "ReLU6" in kinds


def test_open_sizes_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Caffe wants height and width; --input-shape gives them, by name or for the first input."""
    made = model(CONV)
    for axis in (2, 3):
        made.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"s{axis}"
    path = tmp_path / "net.onnx"
    onnx.save(made, str(path))
    assert "--input-shape x=1x3x224x224" in refused(capsys, path, tmp_path / "o")
    assert "there is no input 'z'" in refused(
        capsys, path, tmp_path / "o", "--input-shape", "z=1x3x9x5"
    )
    assert brought(path, tmp_path / "o", "--input-shape", "2x3x9x5") == 0
    capsys.readouterr()
    net = read_text(tmp_path / "o.prototxt", caffe_pb2.NetParameter)
    assert net.layer[0].input_param.shape[0].dim == [2, 3, 9, 5]
    assert "has 4 axes" in refused(capsys, path, tmp_path / "p", "--input-shape", "3x9x5")
    assert "fixes axis 1" in refused(capsys, path, tmp_path / "p", "--input-shape", "1x4x9x5")


def test_what_caffe_cannot_say_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each unfit node in a line of its own, and nothing is written; an old file stays."""
    lines = "a = Erf(x) b = Transpose <perm=[0,2,3,1]> (x) c = Relu(a) y = MatMul(b, w3x2)"
    path = saved(Case("odd", lines, (3, 5, 5), 17, ("c", "y")), tmp_path / "net.onnx")
    (tmp_path / "out.prototxt").write_text("old")
    assert brought(path, tmp_path / "out") == 2
    found = capsys.readouterr().err.splitlines()
    assert len(found) == 2
    assert "node 'a' (Erf) has no counterpart" in found[0]
    assert "node 'b' (Transpose) puts the axes of N × 3 × 5 × 5 in the order 0, 2, 3, 1" in found[1]
    assert (tmp_path / "out.prototxt").read_text() == "old"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net.onnx", "out.prototxt"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("y = MaxPool <kernel_shape=[2,2], dilations=[2,2]> (x)", "with dilation"),
        ('y = Pad <mode="reflect"> (x, i0_0_1_1_0_0_1_1)', "'reflect'"),
        ("y = Conv <pads=[0,0,1,1], dilations=[2,2]> (x, w3x3x3x3)", "1 more on one side"),
        ("y = MatMul(x, x)", "only constants"),
        ("y = ReduceMean <axes=[0]> (x)", "along the batch"),
        ("y = Erf(x)", "no counterpart"),
        ("y = LRN <size=4> (x)", "an odd number"),
    ],
)
def test_refusals_name_the_node(
    lines: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    path = saved(Case("odd", lines, (3, 8, 8)), tmp_path / "net.onnx")
    found = refused(capsys, path, tmp_path / "out")
    assert "node 'y'" in found
    assert said in found


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights alone, rubbish, no file, an odd place; each in one line."""
    for name, said in (("w.pth", "weights without the net"), ("w.tflite", "neither in")):
        (tmp_path / name).write_bytes(b"x")
        assert said in refused(capsys, tmp_path / name, tmp_path / "o")
    for name in ("n.onnx", "n.pt2"):
        (tmp_path / name).write_bytes(b"rubbish")
        assert "is no" in refused(capsys, tmp_path / name, tmp_path / "o")
    assert "no such file" in refused(capsys, tmp_path / "none.onnx", tmp_path / "o")
    path = saved(CONV, tmp_path / "net.onnx")
    assert "no such folder" in refused(capsys, path, f"{tmp_path}/none/")
    assert "is no place" in refused(capsys, path, "s3://bucket/o")
    assert "list of numbers" in refused(capsys, path, tmp_path / "o", "--mean", "a")
    assert "3 channels" in refused(capsys, path, tmp_path / "o", "--mean", "1,2")


class _Runs:
    """What a pickle may do to who opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_program_cannot_run_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pickles in the archive are opened as tensors or not at all, and operators are from a list."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    write(net, (1, 5, 5), "pt2", tmp_path / "net.pt2")
    mark = tmp_path / "mark"
    evil = pickle.dumps(_Runs(mark))
    with zipfile.ZipFile(tmp_path / "net.pt2") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}

    def changed(name: str, edit: Any) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for one, values in content.items():
                archive.writestr(one, edit(one, values))
        return path

    def everywhere(name: str, values: bytes) -> bytes:
        return evil if name.endswith((".pt", "weight_0")) else values

    def pickled(name: str, values: bytes) -> bytes:
        if name.endswith("weights_config.json"):
            found = json.loads(values)
            for one in found["config"].values():
                one["use_pickle"] = True
            return json.dumps(found).encode()
        return everywhere(name, values)

    def called(name: str, values: bytes) -> bytes:
        return values.replace(b"torch.ops.aten.relu", b"os.system")

    assert "more than tensors" in refused(capsys, changed("a.pt2", pickled), tmp_path / "o")
    assert "has no counterpart" in refused(capsys, changed("b.pt2", called), tmp_path / "o")
    brought(changed("c.pt2", everywhere), tmp_path / "o")  # refused, or taken for numbers
    assert not mark.exists()


def test_a_net_that_differs_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison decides: here an operator is drawn wrongly."""
    from caffe_mnist.exchange.arriving.site import operators

    path = saved(CONV, tmp_path / "net.onnx")
    assert "Relu" in operators
    monkeypatch.setitem(operators._things, "Relu", lambda site: site.value())
    assert brought(path, tmp_path / "out") == 1
    assert "differ from onnxruntime's" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]
