"""The command check_toolchain as a user meets it."""

# ruff: noqa: E501

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.check_toolchain import PROGRAM, main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, write_binary

ROOT = Path(__file__).parents[1]
LENET = ROOT / "prototxt" / "lenet"
RESNET = ROOT / "prototxt" / "resnet50" / "resnet50_deploy.prototxt"


def check(*arguments: object) -> int:
    """The command in this process."""
    return main([str(argument) for argument in arguments])


def test_a_plain_net_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """LeNet by all of them."""
    assert check(LENET / "lenet_deploy.prototxt", "--for", "all") == 0
    assert "nothing known" in capsys.readouterr().out


def test_a_net_that_trains_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Its layers of data and loss are named, with what to do; the status is 1."""
    assert check(LENET / "lenet_train_test.prototxt", "--for", "rknn", "--format", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["what"] for one in found} == {"reads data", "is a loss or a measure"}
    assert all(one["refused"] and "deploy" in one["advice"] for one in found)


def test_old_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """V1 layers in the prototxt and in the caffemodel, inputs outside layers."""
    text = 'input: "x" input_dim: 1 input_dim: 1 input_dim: 4 input_dim: 4 layers { name: "r" type: RELU bottom: "x" top: "x" }'
    net = tmp_path / "net.prototxt"
    net.write_text(text)
    model = tmp_path / "net.caffemodel"
    write_binary(model, parse_text(text, caffe_pb2.NetParameter, "test"))
    assert check(net, model, "--for", "ncnn", "--format", "json") == 1
    found = {(one["layer"], one["what"]) for one in json.loads(capsys.readouterr().out)}
    assert ("the prototxt", "V1 layers") in found
    assert ("the caffemodel", "V1 layers") in found
    assert ("the prototxt", "inputs outside layers") in found


def test_blobs_of_batch_norm_are_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two blobs of a fork, a factor of 0, a layer without weights."""
    names = ("a", "b", "c")
    layers = [f'layer {{ name: "{n}" type: "BatchNorm" bottom: "x" top: "{n}" }}' for n in names]
    head = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 } } }'
    conv = 'layer { name: "k" type: "InnerProduct" bottom: "x" top: "k" inner_product_param { num_output: 1 } }'
    net, model = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    net.write_text("\n".join([head, *layers, conv]))
    content = caffe_pb2.NetParameter()
    for name, factors in zip(names, ([1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0])):
        layer = content.layer.add(name=name, type="BatchNorm")
        for number in factors:
            layer.blobs.add(data=[number]).shape.dim.append(1)
    write_binary(model, content)
    assert check(net, model, "--for", "opencv", "--format", "json") == 1
    found = {(one["layer"], one["what"]) for one in json.loads(capsys.readouterr().out)}
    assert ("a (BatchNorm)", "2 blobs") in found
    assert ("b (BatchNorm)", "its factor blob is 0") in found
    assert ("k (InnerProduct)", "the caffemodel has no weights of it") in found
    assert not any(layer == "c (BatchNorm)" for layer, _ in found)


def test_what_may_be_is_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    """TIDL's validated kernels are fewer than it takes: the status is 0, the table says so."""
    assert check(RESNET, "--for", "ti") == 0
    out = capsys.readouterr().out
    assert "0 refused, " in out
    assert "?   conv1" in out
    assert check(RESNET, "--for", "ti", "--for", "snpe", "--format", "markdown") == 0
    assert "| conv1 (Convolution) | may be | kernel 7×7 |" in capsys.readouterr().out


def test_sizes_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pooling that rounds up is told with both sizes; it needs the shapes of blobs."""
    pytest.importorskip("torch", reason="shapes are the engine's")
    net = tmp_path / "net.prototxt"
    net.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 8 dim: 8 } } }'
        'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 3 stride: 2 } }'
    )
    assert check(net, "--for", "rknn", "--format", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["what"] == "4×4 in Caffe, 3×3 when rounded down"


def test_fields_of_forks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused, unless they are to be passed over; variables have values."""
    net = tmp_path / "net.prototxt"
    net.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: ${N} dim: 9 } } }'
        'layer { name: "r" type: "ReLU" bottom: "x" top: "x" swift_param { size: 3 } }'
    )
    assert check(net, "--for", "mnn", "--define", "N=1") == 2
    assert "swift_param" in capsys.readouterr().err
    assert check(net, "--for", "mnn", "--define", "N=1", "--lenient") == 0
    assert "swift_param: not in Caffe's schema" in capsys.readouterr().err


def test_list_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """Each toolchain with its sources; unknown names and missing arguments in one line."""
    assert check("--list") == 0
    out = capsys.readouterr().out
    for name in ("rknn", "nnie", "ti", "ascend", "openvino"):
        assert f"\n{name:10}  " in f"\n{out}"
    for arguments, said in (
        ((LENET / "lenet_deploy.prototxt", "--for", "x"), "there is no table for 'x'"),
        ((LENET / "lenet_deploy.prototxt",), "says which toolchain"),
        (("--for", "ti"), "takes a NET"),
        (("none.prototxt", "--for", "ti"), "none.prototxt"),
    ):
        assert check(*arguments) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"{PROGRAM}: error: ")
        assert said in err
        assert err.count("\n") == 1
