"""template deploy: deploy nets of nets that train, sized by their data, and taken by real Caffe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_text, write_binary
from caffe_mnist.template import main

NETS = Path(__file__).parents[1] / "parity" / "nets"
AUX = """
name: "aux"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { source: "train_lmdb" batch_size: 8 } }
layer { name: "val" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 6 mean_file: "mean.binaryproto" scale: 0.5 mirror: true }
  data_param { source: "val_lmdb" batch_size: 8 } }
layer { name: "more" type: "HDF5Data" top: "extra" top: "unused" hdf5_data_param {
  source: "list.txt" batch_size: 8 } }
layer { name: "quiet" type: "Silence" bottom: "unused" }
layer { name: "stem" type: "Convolution" bottom: "data" top: "stem"
  convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "aux" type: "InnerProduct" bottom: "stem" top: "aux"
  inner_product_param { num_output: 4 } }
layer { name: "loss1" type: "SoftmaxWithLoss" bottom: "aux" bottom: "label" top: "loss1"
  loss_weight: 0.3 }
layer { name: "flat" type: "Flatten" bottom: "stem" top: "flat" }
layer { name: "both" type: "Concat" bottom: "flat" bottom: "extra" top: "both" }
layer { name: "ip" type: "InnerProduct" bottom: "both" top: "ip"
  inner_product_param { num_output: 4 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc"
  include { phase: TEST } }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with the net and what tells the sizes: a mean, an HDF5 file."""
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(AUX)
    Path("solver.prototxt").write_text('net: "net.prototxt"')
    mean = caffe_pb2.BlobProto(num=1, channels=3, height=8, width=8, data=[1.0] * 192)
    write_binary("mean.binaryproto", mean)
    with h5py.File("one.h5", "w") as file:
        file["extra"] = [[0.0] * 5] * 2
    Path("list.txt").write_text("one.h5\n")
    return tmp_path


def test_several_inputs_by_what_tells_their_sizes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the mean and the crop, by the dataset; labels, auxiliary losses and measures go."""
    assert main(["deploy", "solver.prototxt", "--batch", "2"]) == 0
    out, err = capsys.readouterr()
    net = parse_text(out, caffe_pb2.NetParameter, "out")
    shapes = {one.top[0]: list(one.input_param.shape[0].dim) for one in net.layer[:2]}
    assert shapes == {"data": [2, 3, 6, 6], "extra": [2, 5]}
    assert [one.name for one in net.layer[2:]] == ["stem", "flat", "both", "ip", "prob"]
    assert "input data: 2x3x6x6" in err


def test_a_shape_that_is_given_goes_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--shape names a blob or is for the first; without data and shape, one line says what."""
    (folder / "mean.binaryproto").unlink()
    assert main(["deploy", "net.prototxt"]) == 2
    assert "the size of 'data' is not known" in capsys.readouterr().err
    arguments = ["--shape", "1x3x9x9", "--shape", "extra=1x5", "--out", "deploy.prototxt"]
    assert main(["deploy", "net.prototxt", *arguments]) == 0
    made = read_text("deploy.prototxt", caffe_pb2.NetParameter)
    assert list(made.layer[0].input_param.shape[0].dim) == [1, 3, 9, 9]
    assert main(["deploy", "net.prototxt", "--shape", "no=1x2"]) == 2
    assert "'no' is no input of the deploy net (inputs: data, extra)" in capsys.readouterr().err
    assert main(["deploy", "net.prototxt", "--shape", "1x2", "--out", "net.prototxt"]) == 2


def test_a_loss_that_takes_its_blobs_in_any_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores are what was learnt, and a stage may choose the layers."""
    text = AUX.replace("loss_weight: 0.3 }", "loss_weight: 0 }")
    text = text.replace('"SoftmaxWithLoss"', '"EuclideanLoss"').replace(
        'bottom: "ip" bottom: "label" top: "loss"', 'bottom: "label" bottom: "ip" top: "loss"'
    )
    text = text.replace(
        "include { phase: TEST }\n  transform", 'include { stage: "val" }\n transform'
    )
    Path("net.prototxt").write_text(text)
    assert main(["deploy", "net.prototxt", "--shape", "1x3x9x9", "--stage", "val"]) == 0
    net = parse_text(capsys.readouterr().out, caffe_pb2.NetParameter, "out")
    assert net.layer[-1].name == "ip"


def test_real_caffe_takes_them_with_the_weights(
    folder: Path, real_caffe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of auxiliary classifiers, pairs, sequences and pictures to pictures."""
    for path in sorted(NETS.glob("*.prototxt")):
        assert main(["deploy", str(path), "--out", f"{path.stem}.deploy"]) == 0
    code = (
        "import caffe, glob\n"
        "for path in sorted(glob.glob('*.deploy')):\n"
        f"    train = caffe.Net('{NETS}/' + path[:-7] + '.prototxt', caffe.TEST)\n"
        "    train.save('w'); net = caffe.Net(path, 'w', caffe.TEST); net.forward()\n"
        "    print(path, net.outputs, set(net.params) == set(train.params))\n"
    )
    done = subprocess.run(
        [real_caffe / "caffe-python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        f"{name}.deploy ['{out}'] {whole}"
        for name, out, whole in (
            ("autoencoder", "prob", True), ("fcn", "prob", True), ("inception", "prob", False),
            ("lstm_tagger", "prob", True), ("residual", "prob", True),
            ("siamese", "feat', 'feat_p", True),
        )
    ]  # fmt: skip
