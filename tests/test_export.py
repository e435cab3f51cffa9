"""The export command as a user meets it: files, preprocessing, faults."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caffe_mnist.engine.classifier import Classifier
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import save_weights
from caffe_mnist.exchange.model import read_model
from caffe_mnist.exchange.site import Site, writers
from caffe_mnist.export import PROGRAM, main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_text, write_binary
from tests.quarters import model, published, quarter

pytest.importorskip("onnx", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs the exported files")

ROOT = Path(__file__).parents[1]
LENET = ROOT / "prototxt" / "lenet" / "lenet_deploy.prototxt"
RESNET = ROOT / "prototxt" / "resnet50" / "resnet50_deploy.prototxt"
INCEPTION = ROOT / "tests" / "parity" / "nets" / "inception.prototxt"


def export(*arguments: object) -> int:
    """The command in this process."""
    return main([str(argument) for argument in arguments])


def random_weights(net: Path, path: Path) -> Path:
    """A caffemodel of random weights that neither blow up nor vanish on the way."""
    param = read_text(net, caffe_pb2.NetParameter)
    for layer in param.layer:
        layer.convolution_param.ClearField("weight_filler")  # Caffe's own numbers take long
    built = Net(param, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(7)))
    random = torch.Generator().manual_seed(7)
    for layer in built.layers:
        for index, blob in enumerate(layer.blobs):
            if layer.param.type in ("BatchNorm", "Scale"):
                spread = 0.2 + 0.3 * torch.rand(blob.shape, generator=random)
                blob.data = torch.ones(1) if index == 2 else spread
            elif len(blob.shape) > 1:
                inputs = blob.count // blob.shape[0]
                blob.data = torch.randn(blob.shape, generator=random) / inputs**0.5
    save_weights(built, path)
    return path


def session(path: Path) -> Any:
    """The model in onnxruntime."""
    return onnxruntime.InferenceSession(str(path))


def metadata(path: Path) -> dict[str, str]:
    """What the ONNX file says of itself."""
    found = session(path).get_modelmeta().custom_metadata_map
    assert isinstance(found, dict)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a refusal."""
    assert export(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{PROGRAM}: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("net", [LENET, RESNET, INCEPTION], ids=lambda path: path.stem)
def test_nets_give_what_the_engine_gives(net: Path, tmp_path: Path) -> None:
    """LeNet, ResNet-50 and an inception net in onnxruntime, to 1e-4, on batches of 1 and 3."""
    weights, out = random_weights(net, tmp_path / "w.caffemodel"), tmp_path / "net.onnx"
    assert export(net, weights, out, "--no-check") == 0
    run, blob = session(out), "data"
    built = _deploy(net, weights)
    random = np.random.default_rng(5)
    for batch in (1, 3):
        shape = (batch, *built.blobs[blob].shape[1:])
        x = 3 * random.normal(size=shape).astype("f")
        built.blobs[blob].data = torch.from_numpy(x.copy())
        built.reshape()
        built.forward()
        (found,) = run.run(["prob"], {blob: x})
        expected = built.blobs["prob"].data.numpy()
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4
        assert 2 / expected.shape[1] < expected.max() < 0.9  # else this would say little


def _deploy(net: Path, weights: Path) -> Net:
    return read_model(net, weights)[0]


def test_a_final_folder_becomes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One argument is enough, and the command says what the model takes and how near it is."""
    out = tmp_path / "quarters.onnx"
    assert export(published(tmp_path), out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"{out}: input data: N × 1 × 8 × 8, float32",
        f"{out}: output prob: N × 4, float32",
        f"{out}: values of data: GRAY, (pixel - mean) * scale (pixel 0..255, scale 0.00390625)",
    ]
    assert "run by onnxruntime on batches of 1 and 3" in lines[3]
    pictures = np.stack([quarter(number) for number in range(4)])[:, None] / np.float32(256)
    (scores,) = session(out).run(None, {"data": pictures})
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("rgb", [False, True])
def test_raw_models_take_the_bytes_of_pictures(rgb: bool, tmp_path: Path) -> None:
    """Crop, mean, scale and the order of channels are in the graph, as `predict` applies them."""
    transform = "transform_param { scale: 0.01 mean_value: 10 mean_value: 20 mean_value: 30 }"
    deploy, weights = model(tmp_path / "m", 3, transform)
    out, options = tmp_path / "raw.onnx", ["--rgb"] if rgb else []
    assert export(deploy, weights, out, "--raw", *options) == 0
    pixels = np.random.default_rng(1).integers(0, 256, (5, 3, 8, 8), np.uint8)
    expected = Classifier(deploy, weights).scores(pixels)
    taken = np.ascontiguousarray(pixels[:, ::-1]) if rgb else pixels
    (found,) = session(out).run(None, {"data": taken})
    assert np.abs(found - expected).max() < 1e-5
    words = metadata(out)
    assert words["preprocessing"] == "in the graph"
    assert words["channel_order"] == ("RGB" if rgb else "BGR")
    assert words["mean"] == ("30,20,10" if rgb else "10,20,30")


def test_a_mean_image_and_a_crop_are_in_a_raw_model(tmp_path: Path) -> None:
    """The mean image lies beside the net; the middle is cut out."""
    transform = 'transform_param { mean_file: "m.binaryproto" crop_size: 8 }'
    deploy, weights = model(tmp_path / "m", 1, transform)
    random = np.random.default_rng(2)
    values = random.uniform(0, 255, 100).tolist()
    mean = caffe_pb2.BlobProto(num=1, channels=1, height=10, width=10, data=values)
    write_binary(tmp_path / "m" / "m.binaryproto", mean)
    out = tmp_path / "raw.onnx"
    assert export(deploy, weights, out, "--raw-float") == 0
    pixels = random.integers(0, 256, (2, 1, 10, 10), np.uint8)
    (found,) = session(out).run(None, {"data": pixels.astype("f")})
    assert np.abs(found - Classifier(deploy, weights).scores(pixels)).max() < 1e-5


def test_a_program_runs_without_this_package(tmp_path: Path) -> None:
    """torch.export.load reads it with its metadata, and the batch is open."""
    deploy, weights = model(tmp_path / "m")
    out, labels = tmp_path / "quarters.pt2", tmp_path / "labels.txt"
    labels.write_text("左上\nb\nc\nd\n", encoding="utf-8")
    assert export(deploy, weights, out, "--labels", labels) == 0
    extra = {"metadata.json": ""}
    program = torch.export.load(out, extra_files=extra)
    pictures = torch.from_numpy(np.stack([quarter(k) for k in range(4)])[:, None] / np.float32(256))
    (scores,) = program.module()(pictures)
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    assert json.loads(json.loads(extra["metadata.json"])["labels"]) == ["左上", "b", "c", "d"]


def test_safetensors_hold_the_blobs_of_the_caffemodel(tmp_path: Path) -> None:
    """By layer and number, in Caffe's shapes, with metadata."""
    from safetensors import safe_open

    weights, out = random_weights(LENET, tmp_path / "w.caffemodel"), tmp_path / "w.safetensors"
    assert export(LENET, weights, out) == 0
    net = _deploy(LENET, weights)
    with safe_open(str(out), "numpy") as file:
        assert file.metadata()["type:conv1"] == "Convolution"
        assert file.metadata()["scale"] == "0.00390625"
        assert len(file.keys()) == 8
        for layer in net.layers:
            for index, blob in enumerate(layer.blobs):
                found = file.get_tensor(f"{layer.name}/{index}")
                assert np.array_equal(found, blob.data.numpy())


def test_a_fixed_batch(tmp_path: Path) -> None:
    """For runtimes that want to know."""
    deploy, weights = model(tmp_path / "m")
    out = tmp_path / "quarters.onnx"
    assert export(deploy, weights, out, "--batch", 5) == 0
    assert session(out).get_inputs()[0].shape == [5, 1, 8, 8]


def test_faults_are_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong names, layers without counterpart, weights of another net; an old file stays."""
    deploy, weights = model(tmp_path / "m")
    out = tmp_path / "out.onnx"
    out.write_text("old")
    assert "must end in .onnx" in refused(capsys, deploy, weights, "net.tflite")
    assert "no such file" in refused(capsys, tmp_path / "none", weights, out)
    assert "takes NET WEIGHTS OUT" in refused(capsys, out)
    assert "exclude" in refused(capsys, deploy, weights, out, "--raw", "--raw-float")
    assert "--raw" in refused(capsys, deploy, weights, tmp_path / "o.safetensors", "--raw")
    assert "three channels" in refused(capsys, deploy, weights, out, "--rgb")
    assert "no size of a batch" in refused(capsys, deploy, weights, out, "--batch", 0)
    assert "holds no weights for" in refused(capsys, LENET, weights, out)
    odd = tmp_path / "odd.prototxt"
    odd.write_text(
        deploy.read_text() + 'layer { name: "p" type: "Python" bottom: "ip" top: "p" '
        'python_param { module: "tests.parity.user_layers" layer: "Nothing" } }'
    )
    refused(capsys, odd, weights, out)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "odd.prototxt", "out.onnx"]


def test_a_net_that_trains_needs_the_size_of_its_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Data layer does not say it; --shape does."""
    train = ROOT / "prototxt" / "lenet" / "lenet_train_test.prototxt"
    weights, out = random_weights(LENET, tmp_path / "w.caffemodel"), tmp_path / "lenet.onnx"
    assert "--shape" in refused(capsys, train, weights, out)
    assert export(train, weights, out, "--shape", "1x1x28x28") == 0
    assert session(out).get_outputs()[0].name == "prob"
    assert metadata(out)["scale"] == "0.00390625"


def test_a_file_that_does_something_else_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison with the engine decides: here a layer is written wrongly."""
    deploy, weights = model(tmp_path / "m")
    assert "InnerProduct" in writers

    def wrong(site: Site) -> Sequence[str]:
        return [site.add("Softmax", site.bottoms[0], axis=0)]

    monkeypatch.setitem(writers._things, "Softmax", wrong)
    out = tmp_path / "out.onnx"
    assert export(deploy, weights, out) == 1
    assert "differ from the engine's" in capsys.readouterr().err
    assert not out.exists()


def test_a_second_input_gets_its_own_port(tmp_path: Path) -> None:
    """Nets of several inputs: each keeps its name, the batch is one."""
    text = """
        layer { name: "in" type: "Input" top: "a" top: "b"
          input_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 3 } } }
        layer { name: "s" type: "Scale" bottom: "a" top: "a" }
        layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
    """
    net, out = tmp_path / "net.prototxt", tmp_path / "net.onnx"
    net.write_text(text)
    parse_text(text, caffe_pb2.NetParameter, net)
    assert export(net, random_weights(net, tmp_path / "w.caffemodel"), out) == 0
    assert [(one.name, one.shape) for one in session(out).get_inputs()] == [
        ("a", ["N", 3]), ("b", ["N", 3]),
    ]  # fmt: skip
