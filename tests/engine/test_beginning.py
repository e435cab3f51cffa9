"""Where a run begins that was left: at its newest snapshot, with nothing half written beside."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from caffe_mnist.engine import member
from caffe_mnist.engine.beginning import Beginning
from caffe_mnist.engine.team import Team


@pytest.mark.parametrize("mine", [True, False])
def test_what_a_killed_root_was_writing_goes(
    mine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same run only: in another one somebody else may be at work there."""
    monkeypatch.setenv(member.RUN, "this")
    newest = {"run": "this" if mine else "that", "snapshot": "run_iter_20.solverstate"}
    (tmp_path / "run_newest.json").write_text(json.dumps(newest))
    half = [".run_iter_40.caffemodel.ab12_xyz", ".run_iter_40.solverstate.h5.ab12cdef"]
    whole = [".run_iter_40.caffemodel.mine", "run_iter_20.caffemodel", ".runs_iter_40.caffemodel.x"]
    for name in half + whole:
        (tmp_path / name).touch()
    solver = Mock(iteration=0, more={}, team=Team())
    Beginning(f"{tmp_path}/run", solver.team).begin(solver, "")
    left = {path.name for path in tmp_path.iterdir()} - {"run_newest.json"}
    assert left == set(whole) | (set() if mine else set(half))
    asked = [call.args for call in solver.restore.call_args_list]
    assert asked == ([("run_iter_20.solverstate",)] if mine else [])
