"""template state: solver states after a move."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary, write_binary
from caffe_mnist.template import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a snapshot in `moved` whose state names another folder."""
    monkeypatch.chdir(tmp_path)
    Path("moved").mkdir()
    state = caffe_pb2.SolverState(iter=3, learned_net="/old/x_iter_3.caffemodel", current_step=1)
    state.history.add(data=[1.0, 2.0])
    write_binary("moved/x_iter_3.solverstate", state)
    Path("moved/x_iter_3.caffemodel").write_bytes(b"w")
    return tmp_path


def test_the_state_names_the_weights_beside_it(folder: Path) -> None:
    """From the root, or from here; all else stays."""
    path = Path("moved/x_iter_3.solverstate")
    before = read_binary(path, caffe_pb2.SolverState)
    assert main(["state", str(path)]) == 0
    before.learned_net = str(folder / "moved/x_iter_3.caffemodel")
    assert read_binary(path, caffe_pb2.SolverState) == before
    assert main(["state", str(path), "--relative"]) == 0
    assert read_binary(path, caffe_pb2.SolverState).learned_net == "moved/x_iter_3.caffemodel"


def test_nothing_is_written_where_one_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All faults in a line each: no weights, no state, an HDF5 file."""
    good, bad = Path("moved/x_iter_3.solverstate"), Path("alone_iter_3.solverstate")
    content = good.read_bytes()
    bad.write_bytes(content)
    Path("none.solverstate").write_bytes(b"\x0a\x01x")
    assert main(["state", str(good), str(bad), "none.solverstate", "x.solverstate.h5"]) == 2
    err = capsys.readouterr().err
    assert "alone_iter_3.solverstate: there are no weights at x_iter_3.caffemodel" in err
    assert len(err.splitlines()) == 3
    assert good.read_bytes() == content
