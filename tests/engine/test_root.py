"""-root and CAFFE_ROOT: where relative paths of published nets begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.engine.flags import Flags, from_root
from caffe_mnist.errors import CaffeMnistError

SOLVER = 'net: "examples/a/net.prototxt"\n'


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder like Caffe's own, with one example."""
    root = tmp_path / "root"
    (root / "examples/a").mkdir(parents=True)
    (root / "examples/a/net.prototxt").touch()
    (root / "examples/a/solver.prototxt").write_text(SOLVER)
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, which is another one."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("CAFFE_ROOT", raising=False)
    return here


def test_root_is_where_paths_begin(here: Path, there: Path) -> None:
    """What is here stays here, the rest is looked for in the root."""
    (here / "w.caffemodel").touch()
    given = Flags(solver="examples/a/solver.prototxt", weights="w.caffemodel,b", root=str(there))
    flags = from_root(given)
    assert Path.cwd() == there
    assert flags.solver == "examples/a/solver.prototxt"
    assert flags.weights == f"{here}/w.caffemodel,b"


def test_the_variable_helps_where_only_it_helps(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CAFFE_ROOT counts for a solver, or the net of one, that is only there."""
    monkeypatch.setenv("CAFFE_ROOT", str(there))
    (here / "solver.prototxt").write_text(SOLVER)
    flags = from_root(Flags(solver="solver.prototxt"))
    assert Path.cwd() == there
    assert flags.solver == str(here / "solver.prototxt")


def test_the_variable_changes_nothing_otherwise(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the net here, the present folder stays."""
    monkeypatch.setenv("CAFFE_ROOT", str(there))
    (here / "net.prototxt").touch()
    (here / "solver.prototxt").write_text('net: "net.prototxt"')
    for flags in (Flags(solver="solver.prototxt"), Flags(model="net.prototxt"), Flags(gpu="0")):
        assert from_root(flags) == flags
    assert Path.cwd() == here


def test_a_root_that_is_none(here: Path) -> None:
    """One line names the folder."""
    with pytest.raises(CaffeMnistError, match="nowhere: is no folder"):
        from_root(Flags(solver="s", root="nowhere"))
