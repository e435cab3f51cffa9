"""Scripts that import caffe, run as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import warm

SCRIPT = """
import sys
import caffe
import caffe.io, caffe.draw, caffe.detector, caffe.classifier, caffe.coord_map, caffe.net_spec
import caffe.pycaffe
from caffe import layers as L, params as P, to_proto
from caffe.coord_map import crop
from caffe.io import Transformer
from caffe.proto import caffe_pb2
from google.protobuf import text_format
import six
import numpy as np

net = text_format.Parse("name: 'x'", caffe_pb2.NetParameter())
assert caffe_pb2.Phase.Value("TEST") == caffe_pb2.TEST == caffe.TEST == 1
assert caffe_pb2.SolverParameter.SolverMode.Name(caffe_pb2.SolverParameter.GPU) == "GPU"
assert net.name == "x" and list(six.itervalues({1: 2})) == [2]
print(sys.argv, __name__, np.zeros(1, np.float).dtype)
if len(sys.argv) > 2:
    print(open("beside.txt").read())
    sys.exit(7)
"""


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`python -m caffe_mnist.pycaffe` with these words."""
    return warm.run([sys.executable, "-m", "caffe_mnist.pycaffe", *words], cwd=cwd)


def test_a_script_as_it_is(tmp_path: Path) -> None:
    """It finds caffe with all submodules, its arguments, and is the main program."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run("script.py", "--flag", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['script.py', '--flag'] __main__ float64\n"


def test_root_and_status(tmp_path: Path) -> None:
    """--root is where relative paths begin; the script's own exit status counts."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "beside.txt").write_text("found")
    done = run("--root", "root", "script.py", "a", "b", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (7, "found")


def test_caffe_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CAFFE_ROOT is the root where a word names a file that only it has, not otherwise."""
    (tmp_path / "here").mkdir()
    (tmp_path / "root" / "python").mkdir(parents=True)
    (tmp_path / "root" / "python" / "where.py").write_text("import os; print(os.getcwd())")
    (tmp_path / "root" / "net.prototxt").write_text("")
    (tmp_path / "here" / "where.py").write_text("import os; print(os.getcwd())")
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / "root"))
    for words, folder in (
        (["where.py", "--other"], "here"),
        (["where.py", "net.prototxt"], "root"),
        (["python/where.py"], "root"),
    ):
        done = run(*words, cwd=tmp_path / "here")
        assert done.stdout.strip() == str(tmp_path / folder), done.stderr


def test_a_module(tmp_path: Path) -> None:
    """With -m, a module of the present folder runs: unittest or pytest over pycaffe's tests."""
    (tmp_path / "test_own.py").write_text(
        "import unittest, caffe\n\n"
        "class Test(unittest.TestCase):\n"
        "    def test(self):\n        self.assertIn('ReLU', caffe.layer_type_list())\n"
    )
    done = run("-m", "unittest", "-q", "test_own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr


def test_wrong_calls(tmp_path: Path) -> None:
    """One line says what is wrong; --help says how it goes."""
    for words in (["nothing.py"], ["--root", "nowhere", "x.py"], ["-x"], ["-m"]):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert "error: " in done.stderr
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "usage: python -m caffe_mnist.pycaffe" in done.stdout


def test_another_caffe_is_not_replaced(tmp_path: Path) -> None:
    """Where a caffe is imported already, install() refuses instead of mixing two."""
    (tmp_path / "caffe.py").write_text("")
    code = (
        "import caffe\nfrom caffe_mnist import pycaffe\n"
        "try:\n    pycaffe.install()\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert "another caffe is imported already" in done.stdout, done.stderr
