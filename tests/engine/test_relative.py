"""Relative paths that are beside the solver, not in the present folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.engine.relative import settle_paths
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

SOLVER = """net: "net.prototxt" weights: "a.caffemodel, b.caffemodel" snapshot_prefix: "out/x"
net_param { layer { name: "d" type: "Data" data_param { source: "db?first=3;here" }
  transform_param { mean_file: "/abs/mean" } } }"""


@pytest.mark.parametrize("always", [False, True])
def test_what_is_only_there_is_taken_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    """Nets, lists of weights, parts of sources, folders to write in; each said; or all of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job" / "out").mkdir(parents=True)
    for name in ("job/net.prototxt", "job/db", "here", "job/here", "job/b.caffemodel"):
        Path(name).write_text("")
    solver = parse_text(SOLVER, caffe_pb2.SolverParameter, "s")
    said: list[str] = []
    settle_paths(solver, "job", always, said.append)
    data = solver.net_param.layer[0]
    assert solver.net == "job/net.prototxt"
    assert data.transform_param.mean_file == "/abs/mean"
    if always:
        assert data.data_param.source == "job/db?first=3;job/here"
        assert (list(solver.weights), said) == (["job/a.caffemodel,job/b.caffemodel"], [])
        return
    assert data.data_param.source == "job/db?first=3;here"
    assert list(solver.weights) == ["a.caffemodel,job/b.caffemodel"]
    assert solver.snapshot_prefix == "job/out/x"
    assert "net: net.prototxt is not here, taken beside the solver: job/net.prototxt" in said
    assert len(said) == 4
