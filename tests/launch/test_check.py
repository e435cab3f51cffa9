"""template check: every fault of a solver and its nets, and the shapes of what is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.template import main

NET = """name: "bad"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 20 mean_value: 1 mean_value: 2 mean_value: 3 }
  data_param { source: "nowhere_lmdb" batch_size: 8 backend: LMDB } }
layer { name: "data" type: "Input" top: "data" top: "label" include { phase: TEST }
  input_param { shape { dim: 8 dim: 3 dim: 20 dim: 20 } shape { dim: 8 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 25 } }
layer { name: "relu1" type: "RelU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "dta" top: "conv2" }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param { num_output: 10 } }
layer { name: "ip2" type: "InnerProduct" bottom: "data" top: "ip2"
  inner_product_param { num_output: 20 } }
layer { name: "sum" type: "Eltwise" bottom: "ip1" bottom: "ip2" top: "sum" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip1" bottom: "label" top: "loss" }
"""
SOLVER = """net: "net.prototxt" type: "Adm" lr_policy: "stepp" base_lr: 0.1 test_iter: 1
snapshot_prefix: "gone/x"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a solver and a net that have many faults."""
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER)
    return tmp_path


def test_all_faults_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the solver, of paths, of wiring, of types and of shapes: each once, with its place."""
    assert main(["check", "solver.prototxt"]) == 1
    out = capsys.readouterr().out
    faults = [line for line in out.splitlines() if line.startswith(("net.", "solver."))]
    wanted = (
        "solver.prototxt: has test nets, but no positive test_interval",
        "solver.prototxt:2:18: snapshot_prefix: gone does not exist",
        "net.prototxt:4:24: source: nowhere_lmdb does not exist",
        "net.prototxt:10:1: layer 'conv2' (Convolution): bottom 'dta' is made by no layer "
        "(did you mean data?)",
        "solver.prototxt: unknown solver type 'Adm' (known: ",
        "solver.prototxt: lr_policy: unknown learning rate policy 'stepp' (known: ",
        "net.prototxt:9:1: layer 'relu1' (RelU): there is no layer type 'RelU' "
        "(did you mean ReLU?)",
        "net.prototxt:7:1: layer 'conv1' (Convolution): kernel 25 is larger than the padded input "
        "20 [data is 8x3x20x20]",
        "net.prototxt:15:1: layer 'sum' (Eltwise): needs one shape, found (8, 10) and (8, 20) "
        "[ip1 is 8x10, ip2 is 8x20]",
    )
    found = [
        line for line in faults if not line.startswith(("net.prototxt, T", "solver.prototxt: 9"))
    ]
    assert len(found) == len(wanted), out
    for line, start in zip(found, wanted):
        assert line.startswith(start)
    assert "ip1    InnerProduct     8x10          12,010" in out
    assert "solver.prototxt: 9 faults" in out


def test_a_net_without_its_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--input stands for the data; a net that is right has shapes and no fault; JSON has both."""
    text = NET.replace("kernel_size: 25", "kernel_size: 5").replace("RelU", "ReLU")
    settings = '"data" top: "conv2" convolution_param { num_output: 2 kernel_size: 1 }'
    text = text.replace('"dta" top: "conv2"', settings).replace("num_output: 20", "num_output: 10")
    Path("net.prototxt").write_text(
        text.replace("mean_value: 1 ", "").replace("mean_value: 2 ", "")
    )
    assert main(["check", "net.prototxt"]) == 1
    assert "note: how large 'data' is cannot be told without the data" in capsys.readouterr().out
    assert main(["check", "net.prototxt", "--input", "data=4x3x20x20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [net["phase"] for net in found["nets"]] == [0, 1]
    rows = {row["name"]: row["shapes"] for row in found["nets"][0]["layers"]}
    assert rows["conv1"] == [[4, 8, 16, 16]]
    assert (rows["loss"], found["faults"]) == ([[]], [])


def test_text_that_is_none_and_what_is_not_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Faults of the text come alone, all of them; a file that is not there is bad input."""
    Path("net.prototxt").write_text('layer { nam: "x" type: 3 }')
    assert main(["check", "net.prototxt"]) == 1
    out = capsys.readouterr().out
    assert "net.prototxt:1:9: LayerParameter has no field 'nam' (did you mean name?)" in out
    assert "net.prototxt:1:24: type is a string" in out
    assert main(["check", "absent.prototxt"]) == 2
    assert "cannot read" in capsys.readouterr().err


FORK = """name: "test alone"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "voc_lmdb" batch_size: 4 backend: LMDB }
  annotated_data_param { batch_sampler { sampler { } } label_map_file: "map.prototxt" } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 4 } }
"""


def test_a_net_for_testing_alone_with_fields_of_a_fork(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages within fields that nobody knows are passed over; nothing is said of TRAIN."""
    Path("fork.prototxt").write_text(FORK)
    words = ["check", "fork.prototxt", "--input", "data=2x3x8x8"]
    assert main([*words, "--lenient"]) == 0
    out = capsys.readouterr().out
    assert "fork.prototxt, TEST" in out
    assert "TRAIN" not in out
    assert main(words) == 1
    assert "LayerParameter has no field 'annotated_data_param'" in capsys.readouterr().out


def test_labels_of_pictures_are_told_of_caffes_readers_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a layer in Python gives beside its pictures may have any shape: no fault is made up."""
    Path("net.prototxt").write_text("""
layer { name: "data" type: "Python" top: "data" top: "label"
  python_param { module: "voc_layers" layer: "Pictures" } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "score"
  convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }
""")
    words = ["check", "net.prototxt", "--input", "data=2x3x8x8"]
    assert main(words) == 0
    assert "2x4x8x8" in capsys.readouterr().out
    assert main([*words, "--input", "label=2x1x7x8"]) == 1
    assert "needs 128 labels" in capsys.readouterr().out
