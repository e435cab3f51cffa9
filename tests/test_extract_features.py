"""Features beside those of real Caffe's tool and of pycaffe's forward."""

from __future__ import annotations

import subprocess
from pathlib import Path

import lmdb
import numpy as np
import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.weights import save_weights
from caffe_mnist.extract_features import gpu_of, main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.caffe_pb2 import Datum
from caffe_mnist.schema.messages import parse_text

BATCH, BATCHES = 30, 11  # 330 of 300 records: the data begins again
NET = """
name: "features"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.0039 }
  data_param { source: "mnist_test_lmdb" backend: LMDB batch_size: 30 } }
layer { name: "conv/a" type: "Convolution" bottom: "data" top: "conv/a"
  convolution_param { num_output: 3 kernel_size: 9 stride: 4 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv/a" top: "conv/a" }
layer { name: "ip" type: "InnerProduct" bottom: "conv/a" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
FORWARD = """
import sys, numpy as np, caffe
net = caffe.Net('net', 'weights.caffemodel', caffe.TEST)
rows = {name: [] for name in ('conv/a', 'ip', 'label', 'loss')}
for _ in range(int(sys.argv[1])):
    net.forward()
    for name in rows: rows[name].append(np.array(net.blobs[name].data, ndmin=1))
np.savez('real.npz', **{name: np.concatenate(some) for name, some in rows.items()})
"""


@pytest.fixture(scope="module")
def model(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a net, its data and its weights."""
    folder = tmp_path_factory.mktemp("features")
    mnist.convert(small_mnist, folder)
    (folder / "net").write_text(NET)
    param = parse_text(NET, caffe_pb2.NetParameter, "net")
    param.layer[0].data_param.source = str(folder / "mnist_test_lmdb")
    net = Net(param, Surroundings(caffe_pb2.TEST))
    save_weights(net, folder / "weights.caffemodel")
    net.close()
    return folder


@pytest.fixture
def inside(model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model's folder, made the working folder."""
    monkeypatch.chdir(model)
    return model


def extract(blobs: str, out: object, *words: str) -> int:
    """The command on the model."""
    return main(["weights.caffemodel", "net", blobs, str(out), str(BATCHES), *words])


def records(path: Path) -> dict[bytes, Datum]:
    """Every record of a database."""
    with lmdb.open(str(path), readonly=True) as environment, environment.begin() as transaction:
        return {bytes(k): Datum.FromString(v) for k, v in transaction.cursor()}


@pytest.mark.parity
def test_databases_equal_real_caffes(inside: Path, real_caffe: Path, tmp_path: Path) -> None:
    """The same keys, sizes and values, for a blob of four axes, of two and of one."""
    blobs = ("conv/a", "ip", "label")
    (tmp_path / "extract_features").symlink_to(real_caffe / "run")
    outs = {who: ",".join(str(tmp_path / f"{who}{k}") for k in range(3)) for who in "ro"}
    words = ["weights.caffemodel", "net", ",".join(blobs), outs["r"], str(BATCHES), "lmdb"]
    subprocess.run(
        [tmp_path / "extract_features", *words], check=True, capture_output=True, timeout=60
    )
    assert extract(",".join(blobs), outs["o"], "lmdb", "CPU") == 0
    for k in range(3):
        real, ours = records(tmp_path / f"r{k}"), records(tmp_path / f"o{k}")
        assert list(real) == list(ours)
        assert len(ours) == BATCH * BATCHES
        for key, wanted in real.items():
            found = ours[key]
            np.testing.assert_allclose(found.float_data, wanted.float_data, rtol=1e-4, atol=1e-5)
            found.ClearField("float_data")
            wanted.ClearField("float_data")
            assert found == wanted


@pytest.mark.parity
def test_arrays_equal_pycaffes_forward(inside: Path, real_caffe: Path, tmp_path: Path) -> None:
    """`.npz` and `.h5` hold rows × the blob's own axes; a loss has a number a batch."""
    import h5py

    command = [real_caffe / "caffe-python", "-c", FORWARD, str(BATCHES)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert extract("conv/a,ip,label,loss", tmp_path / "all.npz") == 0
    assert extract("ip,loss", f"{tmp_path / 'ip.h5'},{tmp_path / 'loss.npz'}") == 0
    with np.load("real.npz") as real, np.load(tmp_path / "all.npz") as ours:
        assert set(real.files) == set(ours.files)
        for name in real.files:
            assert ours[name].shape == real[name].shape
            np.testing.assert_allclose(ours[name], real[name], rtol=1e-4, atol=1e-5)
        with h5py.File(tmp_path / "ip.h5") as file:
            np.testing.assert_array_equal(file["ip"], ours["ip"])
        assert np.load(tmp_path / "loss.npz")["loss"].shape == (BATCHES,)


def test_existing_targets_stay(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is replaced without --overwrite, and nothing is left of a failure."""
    out = tmp_path / "ip.npz"
    assert extract("ip", out) == 0
    assert f"{out}: 330 rows of ip" in capsys.readouterr().out
    before = out.read_bytes()
    assert extract("ip", out) == 2
    assert "exists already" in capsys.readouterr().err
    assert extract("ip,label", f"{out},{tmp_path}", "--overwrite") == 2
    assert "is not a database" in capsys.readouterr().err
    assert extract("label", out, "--overwrite") == 0
    assert out.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["ip.npz"]


@pytest.mark.parametrize(
    ("blobs", "out", "words", "message"),
    [
        ("nothing", "x", [], "has no blob 'nothing' (its blobs: data, label, conv/a, ip, loss)"),
        ("ip,label", "x", [], "1 targets for 2 blobs"),
        ("ip,ip", "x,y", [], "named twice"),
        ("ip,", "x", [], "'ip,' has an empty name"),
        ("ip", "x", ["leveldb"], "'leveldb': only lmdb is written"),
        ("ip", "x", ["lmdb", "CPU", "0"], "'lmdb CPU 0' is not understood"),
        ("ip", "/no/where/x.npz", [], "/no/where/x.npz: cannot write: No such file"),
        ("ip", "/no/where/x.h5", [], "/no/where/x.h5: cannot write: No such file"),
        ("ip", "/no/where/x", [], "/no/where/x: cannot write: No such file"),
    ],
)
def test_bad_input_is_one_line(
    blobs: str,
    out: str,
    words: list[str],
    message: str,
    inside: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 2, and one line that says what and where."""
    assert extract(blobs, out, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("x").exists()


def test_features_worth_little_are_told(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Layers without weights and nets without data get a warning."""
    text = 'layer { name: "i" type: "Input" top: "x" input_param { shape { dim: [2, 3] } } }'
    text += """layer { name: "bare" type: "InnerProduct" bottom: "x" top: "y"
      inner_product_param { num_output: 2 } }"""
    (tmp_path / "net").write_text(text)
    words = ["weights.caffemodel", str(tmp_path / "net"), "y", str(tmp_path / "y.npz"), "1"]
    assert main(words) == 0
    error = capsys.readouterr().err
    assert "holds no weights for layer 'bare'" in error
    assert "reads no data: its inputs are zeros" in error


def test_the_words_of_caffes_tool() -> None:
    """CPU by default; a GPU with its number in either way."""
    cases = {"": None, "lmdb": None, "lmdb CPU": None, "CPU": None, "lmdb GPU": 0}
    cases |= {"GPU 1": 1, "lmdb GPU DEVICE_ID=2": 2}
    assert {words: gpu_of(words.split()) for words in cases} == cases
