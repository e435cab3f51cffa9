"""Training the same solver with real Caffe and with the engine, and comparing what came out."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.schema.packed import numbers, read_packed
from tests.fixtures import warm

ENGINE = (sys.executable, "-m", "caffe_mnist.caffe")


@dataclass(frozen=True)
class Outcome:
    """What a training printed and left."""

    log: str

    @property
    def losses(self) -> np.ndarray[Any, Any]:
        """The displayed losses."""
        return np.array(re.findall(r"iters\), loss = (\S+)", self.log), float)

    @property
    def rates(self) -> list[float]:
        """The displayed learning rates."""
        return [float(rate) for rate in re.findall(r", lr = (\S+)", self.log)]

    def tested(self, name: str) -> list[float]:
        """The values of one output of the test net."""
        return [
            float(value) for value in re.findall(rf"Test net output #\d+: {name} = (\S+)", self.log)
        ]


def train(
    command: tuple[object, ...], folder: Path, solver: str, *flags: object, **environment: str
) -> Outcome:
    """Run `caffe train` on the text of a solver in `folder`; fails with the log's end."""
    path = folder / f"solver{len(list(folder.glob('solver*')))}.prototxt"
    path.write_text(solver)
    words = [*command, "train", "-solver", path, *flags]
    result = warm.run(words, cwd=folder, env={**os.environ, **environment})
    assert result.returncode == 0, result.stderr[-3000:]
    return Outcome(result.stderr)


def train_here(folder: Path, solver: str, start: str | None = None) -> Outcome:
    """The same with the engine, from the weights `start` if given, without starting a program."""
    path = folder / f"solver{len(list(folder.glob('solver*')))}.prototxt"
    path.write_text(solver)
    log, before = io.StringIO(), Path.cwd()
    threads = torch.get_num_threads()
    os.chdir(folder)
    torch.set_num_threads(1)  # the nets are small, and threads that wait for each other spin
    try:
        with contextlib.redirect_stderr(log):
            param = read_solver(str(path))
            param.weights[:] = [start] if start else []
            trained = Solver(param)
            trained.solve()
            trained.close()
    finally:
        torch.set_num_threads(threads)
        os.chdir(before)
    return Outcome(log.getvalue())


def weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every parameter of a caffemodel, by layer and number."""
    return {
        f"{layer.name}{index}": numbers(blob, path)
        for layer in read_packed(path, "NetParameter").layer
        for index, blob in enumerate(layer.blobs)
    }


def histories(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every history of a solverstate, by number."""
    state = read_packed(path, "SolverState")
    return {str(index): numbers(blob, path) for index, blob in enumerate(state.history)}


def difference(ours: dict[str, Any], real: dict[str, Any]) -> float:
    """The largest difference of any entry, relative to the largest value of its array."""
    assert ours.keys() == real.keys()
    assert all(ours[name].shape == real[name].shape for name in real)
    return max(
        float(np.abs(ours[name] - real[name]).max() / max(np.abs(real[name]).max(), 1e-12))
        for name in real
    )
