"""Finding a Caffe."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch import trainer
from caffe_mnist.launch.plan import make_plan
from caffe_mnist.launch.settings import parse
from caffe_mnist.launch.trainer import Trainer, find_trainer


def program(path: Path) -> str:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_auto_looks_everywhere_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CAFFE, then $CAFFE_ROOT, the container's place, PATH; last the engine."""
    first = program(tmp_path / "mine" / "caffe")
    second = program(tmp_path / "root/build/tools/caffe")
    third = program(tmp_path / "container" / "caffe.bin")
    fourth = program(tmp_path / "path" / "caffe")
    monkeypatch.setattr(trainer, "CONTAINER", third)
    environment = {
        "CAFFE": first,
        "CAFFE_ROOT": str(tmp_path / "root"),
        "PATH": str(tmp_path / "path"),
    }
    assert find_trainer("auto", environment).command == (first,)
    del environment["CAFFE"]
    assert find_trainer("auto", environment).command == (second,)
    del environment["CAFFE_ROOT"]
    assert find_trainer("auto", environment).command == (third,)
    Path(third).unlink()
    assert find_trainer("auto", environment).command == (fourth,)
    found = find_trainer("auto", {"PATH": ""})
    assert found.embedded
    assert found.command == (sys.executable, "-m", "caffe_mnist.caffe")
    assert "no real Caffe found" in found.description


def test_what_is_asked_for_must_be_there(tmp_path: Path) -> None:
    """A path that is wrong is an error, not another Caffe."""
    with pytest.raises(CaffeMnistError, match="there is no program"):
        find_trainer(str(tmp_path / "none"))
    with pytest.raises(CaffeMnistError, match=r"\$CAFFE"):
        find_trainer("auto", {"CAFFE": str(tmp_path / "none"), "PATH": ""})
    (tmp_path / "file").write_text("x")
    with pytest.raises(CaffeMnistError, match="not executable"):
        find_trainer(str(tmp_path / "file"))


def test_without_torch_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    monkeypatch.setattr(trainer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CaffeMnistError, match=r"caffe-mnist\[engine\]"):
        find_trainer("embedded")


def test_the_command_of_a_training() -> None:
    """Caffe's flags; the data's place is the engine's own flag."""
    real = trainer.Trainer(("/caffe",), False, "")
    assert real.arguments("s", "0,1", "", "x.solverstate", "restart") == [
        "/caffe", "train", "-solver", "s", "-snapshot", "x.solverstate", "-gpu", "0,1",
    ]  # fmt: skip
    engine = trainer.Trainer(("e",), True, "")
    words = ["e", "train", "-solver", "s", "-weights", "w"]
    assert engine.arguments("s", "", "w", "", "restart") == words
    assert engine.arguments("s", "", "", "x", "restart")[-2:] == ["-data_position", "restart"]


def test_flags_of_the_engine_alone() -> None:
    """--precision reaches the embedded engine; with a real Caffe it is refused in one line."""
    settings, _ = parse(["--precision", "bf16", "--caffe", "/bin/true"], "test")
    assert settings.engine_flags == ("-precision", "bf16")
    engine, real = Trainer(("caffe",), True, "here"), Trainer(("caffe",), False, "here")
    for one, flags in ((engine, ["-precision", "bf16"]), (real, [])):
        command = one.arguments("s", "", "", "", "resume", engine_flags=settings.engine_flags)
        assert command == ["caffe", "train", "-solver", "s", *flags]
    with pytest.raises(CaffeMnistError, match="has no -precision bf16"):
        make_plan(settings)
