"""Solver states (`.solverstate`), read and restored."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import torch

from caffe_mnist.brew.train import train
from caffe_mnist.engine.flags import Flags
from caffe_mnist.engine.snapshot import SolverState, read_state, restore_history, write_state
from caffe_mnist.launch.resume import _at, _is_whole, _point_to_neighbour
from caffe_mnist.storage.pairs import Pair, is_cut
from tests.fuzz.targets import each, solver, weights


@functools.cache
def seeds() -> list[bytes]:
    """The state of a solver with two histories."""
    history = [torch.ones(2, 3), torch.zeros(4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.solverstate")
        running = b'{"version":1,"random":{},"train":[],"tests":[],"losses":[1.5],"more":{}}'
        write_state(path, SolverState(7, "x_iter_7.caffemodel", 1, history, running))
        return [path.read_bytes()]


def resume(state: Path) -> None:
    """Go on from a state with `caffe train`, for no iteration."""
    Path("net.prototxt").write_text(solver.NET)
    text = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" snapshot_after_train: false'
    Path("solver.prototxt").write_text(text)
    train(Flags(solver="solver.prototxt", snapshot=str(state)))


def run(data: bytes) -> None:
    """The engine's reader, and what the launcher and the uploader look at."""
    state, model = Path("x_iter_7.solverstate"), Path("x_iter_7.caffemodel")
    state.write_bytes(data)
    model.write_bytes(weights.seeds()[0])
    pair = Pair(7, model, state, ())
    each(
        lambda: restore_history([torch.ones(2, 3), torch.zeros(4)], read_state(state), state),
        lambda: resume(state),
        lambda: is_cut(pair),
        lambda: _is_whole(pair),
        lambda: _at(state, ""),
        lambda: _point_to_neighbour(state),
    )
