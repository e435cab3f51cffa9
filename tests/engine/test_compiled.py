"""Compiled passes: the same training, the faster way kept and remembered, said where it cannot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from caffe_mnist.engine import compiled
from caffe_mnist.engine.compile_choice import Choice, Choices
from caffe_mnist.engine.flags import UsageError, parse
from caffe_mnist.engine.precision import PRECISIONS
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_run import Compile, Run
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.engine.tape import TapeRecorder
from tests.engine.test_recorded import BODY, DATA, STEP

MORE = "momentum: 0.9 type: 'SGD'"


@pytest.fixture(autouse=True)
def _near_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where BatchNorm does not ask how far means are."""
    monkeypatch.setattr("caffe_mnist.engine.layers.batch_norm.BatchNorm._far", lambda *_: False)


def _as_it_is(graph: torch.fx.GraphModule) -> Callable[..., Any]:
    return graph


def _solver(
    wanted: Compile | None, more: str = MORE, net: str = DATA + BODY, **settings: Any
) -> Solver:
    param = parse_text(f"{STEP} {more} max_iter: 100", caffe_pb2.SolverParameter, "test")
    param.net_param.CopyFrom(parse_text(net, caffe_pb2.NetParameter, "test"))
    return Solver(param, Run(generator=RandomNumbers(5), compiled=wanted, **settings))


def _compile(folder: Path, kept: bool = True) -> tuple[Compile, Choices]:
    choices = Choices(folder)
    net = _solver(None).net
    choices.write(net, Choice(kept, 2.0, 1.0 if kept else 3.0))
    return Compile(choices, _as_it_is), choices


@pytest.mark.parametrize("more", [MORE, MORE + " iter_size: 2", "type: 'Adam' momentum: 0.9"])
def test_equal_to_plain(more: str, tmp_path: Path) -> None:
    """Weights, statistics, outputs and the rest are those of plain passes."""
    wanted, _ = _compile(tmp_path)
    plain, ours = _solver(None, more), _solver(wanted, more)
    for solver in (plain, ours):
        solver.step(4)
    assert ours._compiled is not None
    assert ours._compiled.kept
    for a, b in zip(ours.net.layers, plain.net.layers):
        for one, other in zip(a.blobs, b.blobs):
            assert torch.allclose(one.data, other.data, rtol=1e-4, atol=1e-6), a.name
            assert torch.allclose(one.diff, other.diff, rtol=1e-3, atol=1e-6), a.name
    assert float(ours.net.blobs["loss"].data) == pytest.approx(
        float(plain.net.blobs["loss"].data), rel=1e-5
    )


def test_with_a_recording(tmp_path: Path) -> None:
    """Compiled passes are recorded like plain ones."""
    wanted, _ = _compile(tmp_path)
    recorder = TapeRecorder()
    plain, ours = _solver(None), _solver(wanted, recorder=recorder)
    for solver in (plain, ours):
        solver.step(6)
    assert recorder.recordings == 1
    for a, b in zip(ours.net.parameters.learnables, plain.net.parameters.learnables):
        assert torch.allclose(a.parameter.data, b.parameter.data, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("faster", [True, False])
def test_measured_and_remembered(
    faster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The faster way stays; a second training takes it at once, another net measures again."""
    clock = {"now": 0.0, "step": 1.0}

    def now() -> float:
        clock["now"] += clock["step"]
        return clock["now"]

    def compiler(graph: torch.fx.GraphModule) -> Callable[..., Any]:
        clock["step"] = 0.5 if faster else 2.0
        return graph

    monkeypatch.setattr(compiled.CompiledPasses, "clock", staticmethod(now))
    wanted = Compile(Choices(tmp_path), compiler)
    solver = _solver(wanted)
    solver.step(2 * compiled.TURNS + 1)
    said = capfd.readouterr().err
    verdict = "kept" if faster else "dropped"
    assert f"-compile: {verdict} (1e+03 ms plain" in said
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["kept"] is faster
    again = _solver(wanted)
    assert again._compiled is not None
    assert again._compiled.kept is faster
    assert "as measured before" in capfd.readouterr().err
    path.write_text("{}")
    assert Choices(tmp_path).read(again.net) is None
    other = _solver(wanted, net=(DATA + BODY).replace("num_output: 4", "num_output: 3"))
    assert other._compiled is not None
    assert other._compiled.undecided


def test_what_cannot_be_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No compiler, fp16, a layer that draws for itself, a compiler that fails: one line each."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    choices = Choices(tmp_path)

    def fails(graph: torch.fx.GraphModule) -> Callable[..., Any]:
        raise RuntimeError("internal fault\nand a long story")

    drawn = (DATA + BODY).replace("kernel_size: 2 stride: 2", "pool: STOCHASTIC kernel_size: 2")
    for settings, words in (
        ({"wanted": Compile(choices)}, "there is no C++ compiler here (g++ or clang++ or c++)"),
        ({"wanted": Compile(choices), "precision": PRECISIONS["fp16"]}, "fp16 scales its losses"),
        ({"wanted": Compile(choices, _as_it_is), "net": drawn}, "layer 'p' (Pooling) does not"),
        ({"wanted": Compile(choices, fails)}, "internal fault"),
    ):
        solver = _solver(**settings)  # type: ignore[arg-type]
        solver.step(compiled.TURNS + 2)
        said = [line for line in capfd.readouterr().err.splitlines() if "-compile: not" in line]
        assert len(said) == 1
        assert words in said[0]


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """No failure of the training."""
    (tmp_path / "file").write_text("")
    choices = Choices(tmp_path / "file" / "below")
    net = _solver(None).net
    assert choices.write(net, Choice(True, 1, 2)).startswith("no file (")
    assert choices.read(net) is None
    assert str(Choices().path(net)).startswith(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~")
    )


def test_the_flag() -> None:
    """It stands alone, has a word or an opposite, as gflags' booleans."""
    for words, value in ((["-compile"], True), (["--compile=false"], False),
                         (["-nocompile"], False)):  # fmt: skip
        assert parse([*words, "train"])[1].compile is value
    assert parse(["-compile", "train"])[0] == ["train"]
    with pytest.raises(UsageError, match="illegal value 'maybe'"):
        parse(["-compile=maybe"])
