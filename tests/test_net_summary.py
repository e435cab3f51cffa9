"""What nets cost: known figures, and what people ask wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.net_summary import main

LENET = Path(__file__).parents[1] / "prototxt/lenet"
INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { %s } } }'


def caffenet() -> str:
    """The net of that name, as a deploy net of batch 10."""
    lines = [INPUT % "dim: 10 dim: 3 dim: 227 dim: 227"]
    last = "x"

    def add(name: str, kind: str, settings: str, inplace: bool = False) -> None:
        nonlocal last
        top = last if inplace else name
        lines.append(
            f'layer {{ name: "{name}" type: "{kind}" bottom: "{last}" top: "{top}" {settings} }}'
        )
        last = top

    def convolution(name: str, settings: str) -> None:
        filler = 'weight_filler { type: "gaussian" std: 0.01 }'
        add(name, "Convolution", f"convolution_param {{ {settings} {filler} }}")
        add(f"relu_{name}", "ReLU", "", inplace=True)

    pool = "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"
    convolution("conv1", "num_output: 96 kernel_size: 11 stride: 4")
    add("pool1", "Pooling", pool)
    add("norm1", "LRN", "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")
    convolution("conv2", "num_output: 256 pad: 2 kernel_size: 5 group: 2")
    add("pool2", "Pooling", pool)
    add("norm2", "LRN", "")
    convolution("conv3", "num_output: 384 pad: 1 kernel_size: 3")
    convolution("conv4", "num_output: 384 pad: 1 kernel_size: 3 group: 2")
    convolution("conv5", "num_output: 256 pad: 1 kernel_size: 3 group: 2")
    add("pool5", "Pooling", pool)
    for name, outputs in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        add(name, "InnerProduct", f"inner_product_param {{ num_output: {outputs} }}")
    add("prob", "Softmax", "")
    return 'name: "CaffeNet" ' + "\n".join(lines)


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, dict[str, object]]:
    """The JSON answer, its layers by name."""
    assert main([*map(str, arguments), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    return {**answer, "layers": {layer["name"]: layer for layer in answer["layers"]}}


def test_lenet(capsys: pytest.CaptureFixture[str]) -> None:
    """431,080 parameters and 2,293,000 multiply-adds an item, in the table and as JSON."""
    assert main([str(LENET / "lenet_deploy.prototxt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "LeNet (TRAIN), batch of 1"
    assert lines[4].split() == [
        "conv1",
        "Convolution",
        "1x20x24x24",
        "520",
        "288,000",
        "45.0",
        "KiB",
    ]
    assert lines[-4].split() == ["total", "431,080", "2,293,000", "77.0", "KiB"]
    answer = ask(capsys, LENET / "lenet_deploy.prototxt")
    assert answer["total"]["parameters"] == 431_080


def test_caffenet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The published 60,965,224 parameters, and 724 million multiply-adds a picture."""
    (tmp_path / "net").write_text(caffenet())
    answer = ask(capsys, tmp_path / "net")
    assert answer["total"]["parameters"] == 60_965_224
    assert answer["total"]["multiply_adds_per_item"] == 724_406_816
    assert answer["layers"]["conv2"]["multiply_adds"] == 10 * 256 * 27 * 27 * 48 * 25
    assert answer["layers"]["relu_conv1"]["memory"] == 0
    assert answer["layers"]["conv1"]["memory"] == 4 * 10 * 96 * 55 * 55


def test_shapes_stand_in_for_data(capsys: pytest.CaptureFixture[str]) -> None:
    """`--input` replaces a data layer that cannot be read, its labels too; phases differ."""
    net = LENET / "lenet_train_test.prototxt"
    train = ask(capsys, net, "--input", "64x1x28x28")
    test = ask(capsys, net, "--phase", "TEST", "--input", "data=7,1,28,28")
    assert train["batch"] == 64
    assert train["layers"]["mnist"]["shapes"] == [[64, 1, 28, 28], [64]]
    assert train["total"]["multiply_adds"] == 64 * 2_293_000
    assert test["batch"] == 7
    assert set(test["layers"]) - set(train["layers"]) == {"accuracy"}


OTHERS = """
layer { name: "up" type: "Deconvolution" bottom: "x" top: "up"
  convolution_param { num_output: 6 group: 2 kernel_size: 4 stride: 2 bias_term: false } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 5 } }
layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 5 } }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
"""


def test_other_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deconvolution counts by its input; shared parameters count once; splits are not shown."""
    (tmp_path / "net").write_text(INPUT % "dim: 2 dim: 4 dim: 3 dim: 3" + OTHERS)
    answer = ask(capsys, tmp_path / "net")
    assert list(answer["layers"]) == ["in", "up", "a", "b", "sum"]
    assert answer["layers"]["up"]["multiply_adds"] == 2 * 4 * 9 * 3 * 16
    assert answer["layers"]["b"]["multiply_adds"] == 2 * 36 * 5
    assert answer["layers"]["b"]["parameters"] == 185
    assert answer["total"]["parameters"] == 4 * 3 * 16 + 185
    assert main([str(tmp_path / "net")]) == 0
    assert "185 shared" in capsys.readouterr().out


def test_a_recurrent_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each step multiplies by the weights of input and of hidden state."""
    net = INPUT.replace('"x"', '"x" top: "cont"') % "dim: 7 dim: 2 dim: 5"
    net = net.replace("} } }", "} shape { dim: 7 dim: 2 } } }")
    net += """layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "y"
      recurrent_param { num_output: 3 weight_filler { type: "uniform" } } }"""
    (tmp_path / "net").write_text(net)
    layer = ask(capsys, tmp_path / "net")["layers"]["lstm"]
    assert layer["multiply_adds"] == 7 * 2 * 4 * 3 * (5 + 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere"], "/nowhere: cannot read: No such file or directory"),
        ([LENET / "lenet_solver.prototxt"], 'has no field named "net"'),
        ([LENET / "lenet_train_test.prototxt"], "no such database (--input gives a shape"),
        ([LENET / "lenet_deploy.prototxt", "--input", "1x0x2"], "'1x0x2' is no shape"),
        ([LENET / "lenet_deploy.prototxt", "--input", "y=1x1"], "makes y (those of this net: data"),
        ([LENET / "lenet_deploy.prototxt", "--input", "1x1x4x4"], "layer 'conv1' (Convolution)"),
        ([LENET / "lenet_deploy.prototxt", "--phase", "BOTH"], "invalid choice: 'BOTH'"),
        ([], "required: NET"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and one line that says what and where."""
    assert main([*map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
