"""`pip install .` alone: convert, template and launch, with protobuf 3.16 and numpy 1.21.

These are what conda's build of Caffe pins (environment.yml). They run here on the Python 3.9 of
Debian's Caffe, and in the conda environment itself where $LIGHT_PYTHON names its Python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lmdb
import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary
from tests.fixtures import fake_caffe
from tests.fixtures.jobs import snapshots
from tests.fixtures.light import ROOT, Light

NET = ROOT / "prototxt" / "lenet" / "lenet_train_test.prototxt"
SOLVER = ROOT / "prototxt" / "lenet" / "lenet_solver.prototxt"

VERSIONS = """
import importlib.util, json, caffe_mnist, google.protobuf, numpy
found = [google.protobuf.__version__, numpy.__version__, caffe_mnist.__file__]
print(json.dumps([*found, importlib.util.find_spec("torch") is None]))
"""


def test_what_it_runs_with(light: Light, tmp_path: Path) -> None:
    """protobuf 3.16, numpy 1.21, no torch, and the installed package rather than the checkout."""
    protobuf, numpy, package, no_torch = json.loads(light.said("-c", VERSIONS, cwd=tmp_path))
    assert protobuf.startswith("3.16.")
    assert numpy.startswith("1.21.")
    assert ROOT / "caffe_mnist" not in Path(package).parents
    assert no_torch


@pytest.mark.parametrize("command", ["convert", "template", "train", "predict", "caffe"])
def test_every_command_answers(light: Light, tmp_path: Path, command: str) -> None:
    """Without any extra, `--help` works."""
    said = light.said("-m", f"caffe_mnist.{command}", "--help", cwd=tmp_path)
    assert "usage: python -m" in said


def test_the_engine_says_what_it_needs(light: Light, tmp_path: Path) -> None:
    """Without torch, the embedded engine is refused in one line that names the extra."""
    words = ["-m", "caffe_mnist.train", "--solver", SOLVER, "--train-url", tmp_path / "store"]
    done = light.run(*words, "--caffe", "embedded", cwd=tmp_path)
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()
    assert "error: " in last
    assert "caffe-mnist[engine]" in last


@pytest.mark.parametrize(
    "words",
    [
        ("caffe", "train", "-solver", SOLVER),
        ("caffe", "device_query", "-gpu", "0"),
        ("pycaffe", "script.py"),
        ("serve", "model"),
    ],
)
def test_commands_that_need_an_extra_name_it(
    light: Light, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """In one line, not by a traceback."""
    (tmp_path / "script.py").write_text("import caffe\n")
    done = light.run("-m", f"caffe_mnist.{words[0]}", *words[1:], cwd=tmp_path)
    assert done.returncode
    assert "Traceback" not in done.stderr
    assert "pip install 'caffe-mnist[" in done.stderr.splitlines()[-1]


def _records(path: Path) -> list[tuple[bytes, bytes]]:
    with lmdb.open(str(path), readonly=True, lock=False) as opened, opened.begin() as view:
        return list(view.cursor())


def test_converted_records_are_the_same(light: Light, tmp_path: Path) -> None:
    """Generated digits become, byte for byte, the records that this environment writes."""
    words = ["-m", "caffe_mnist.convert", "digits", "--train", "300", "--test", "100"]
    light.said(*words, tmp_path / "light", cwd=tmp_path)
    Light(Path(sys.executable), None).said(*words, tmp_path / "here", cwd=ROOT)
    for name in ("mnist_train_lmdb", "mnist_test_lmdb"):
        records = _records(tmp_path / "light" / name)
        assert len(records) in (300, 100)
        assert records == _records(tmp_path / "here" / name)
    database = tmp_path / "light" / "mnist_train_lmdb"
    assert "300" in light.said("-m", "caffe_mnist.convert", "info", database, cwd=tmp_path)
    light.said("-m", "caffe_mnist.convert", "check", database, cwd=tmp_path)
    export = ["-m", "caffe_mnist.convert", "export", database, tmp_path / "out.npz"]
    light.said(*export, cwd=tmp_path)
    assert (tmp_path / "out.npz").stat().st_size > 0


def test_rewritten_prototxts_are_the_same(light: Light, tmp_path: Path) -> None:
    """The templater writes what this environment's does, and refuses what is unknown."""
    words = ["-m", "caffe_mnist.template", SOLVER, "--layout", "modelarts", "--set", "max_iter=7"]
    light.said(*words, "--out", tmp_path / "light", cwd=ROOT / "docs")
    Light(Path(sys.executable), None).said(*words, "--out", tmp_path / "here", cwd=ROOT)
    written = {path.name: path.read_text() for path in (tmp_path / "light").iterdir()}
    assert written == {path.name: path.read_text() for path in (tmp_path / "here").iterdir()}
    assert "max_iter: 7" in written[SOLVER.name]
    (tmp_path / "wrong.prototxt").write_text("net: 'n'\nmax_itr: 7\n")
    refused = light.run("-m", "caffe_mnist.template", "wrong.prototxt", cwd=tmp_path)
    assert refused.returncode == 2
    assert "wrong.prototxt:2:1" in refused.stderr


def test_a_job_with_a_trainer(light: Light, tmp_path: Path, small_mnist: Path) -> None:
    """The launcher's whole story: convert, rewrite, train, upload, final model."""
    words = [
        "-m", "caffe_mnist.train", "--solver", SOLVER, "--data-url", small_mnist,
        "--train-url", tmp_path / "store", "--data-local-path", tmp_path / "data",
        "--model-local-path", tmp_path / "model", "--caffe", tmp_path / "caffe",
        "--upload-every", 0, "--set", "max_iter=30", "--set", "snapshot=10",
        "--set", "display=5", "--set", "test_interval=10",
    ]  # fmt: skip
    (tmp_path / "caffe").write_text(
        f'#!/bin/sh\nexec {sys.executable} {fake_caffe.__file__} "$@"\n'
    )
    (tmp_path / "caffe").chmod(0o755)
    light.said(*words, cwd=tmp_path)
    assert snapshots(tmp_path / "store")["final"] == 30
    assert json.loads((tmp_path / "store" / "final" / "run.json").read_text())["results"]


ROUND_TRIP = """
import sys
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary, read_text, write_binary, write_text
net = read_text(sys.argv[1], caffe_pb2.NetParameter)
net.layer[2].blobs.add(data=[0.5, -1.25], shape={"dim": [1, 2]})
write_binary("net.caffemodel", net)
write_text("net.prototxt", read_binary("net.caffemodel", caffe_pb2.NetParameter))
assert read_text("net.prototxt", caffe_pb2.NetParameter) == net
"""


@pytest.mark.parametrize("implementation", ["cpp", "python"])
def test_messages_go_both_ways(light: Light, tmp_path: Path, implementation: str) -> None:
    """Text and binary survive both of protobuf 3.16's forms, and are read here."""
    setting = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
    light.said("-c", ROUND_TRIP, NET, cwd=tmp_path, **setting)
    net = read_binary(tmp_path / "net.caffemodel", caffe_pb2.NetParameter)
    assert list(net.layer[2].blobs[0].data) == [0.5, -1.25]
    assert net.layer[-1].type == "SoftmaxWithLoss"


BESIDE = """
import importlib, sys
sys.path.append(sys.base_prefix + "/lib/python3/dist-packages")  # Debian's pycaffe, last
for name in sys.argv[1:]:
    importlib.import_module(name)
import google.protobuf, numpy
from caffe.proto import caffe_pb2 as theirs
from caffe_mnist.schema import caffe_pb2 as ours
net = ours.NetParameter(name="n", layer=[{"name": "l", "type": "ReLU"}])
assert theirs.NetParameter.FromString(net.SerializeToString()).layer[0].type == "ReLU"
caffe = sys.modules["caffe"]
print(google.protobuf.__version__, numpy.__version__, "beside Caffe", caffe.__version__)
"""


@pytest.mark.parametrize("order", ["caffe {ours}", "{ours} caffe"])
def test_beside_real_pycaffe(light: Light, tmp_path: Path, order: str) -> None:
    """In one process with pycaffe, with these versions, imported in either order."""
    names = order.format(ours="caffe_mnist.schema.caffe_pb2").split()
    said = light.said("-c", BESIDE, *names, cwd=tmp_path, GLOG_minloglevel="2")
    assert said.startswith("3.16.")
    assert said.endswith("beside Caffe 1.0.0\n")


@pytest.mark.parametrize("implementation", ["cpp", "python"])
def test_the_rooms_of_the_light_half(light: Light, tmp_path: Path, implementation: str) -> None:
    """The tests of the rooms that need no torch pass with these versions, too."""
    rooms = ["schema", "layouts", "datasets", "watch", "launch/test_settings.py", "test_convert.py"]
    tests = [f"tests/{room}" for room in rooms]
    env = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation, "CAFFE_PREFIX": "/none"}
    if light.tools is not None:
        env["PYTHONPATH"] = str(light.tools)
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'rooms'}"]
    said = light.said("-m", "pytest", *options, *tests, cwd=ROOT, **env)
    assert " passed" in said
