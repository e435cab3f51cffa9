"""A solver's state on disk: the weights (`.caffemodel`) and the rest (`.solverstate`).

Caffe writes PREFIX_iter_N.caffemodel first, then PREFIX_iter_N.solverstate, which names the
former in `learned_net`; whoever sees the second may count on the first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from caffe_mnist.engine import hdf5_files
from caffe_mnist.engine.weights import array
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.packed import fill_blob, numbers, packed, read_packed, shape, write_packed


@dataclass(frozen=True)
class SolverState:
    """What a solver needs beside the weights to go on: its place and its histories.

    `running` is what our engine keeps beside (`RunningState.to_bytes`), empty in Caffe's files.
    """

    iteration: int
    learned_net: str
    current_step: int
    history: list[torch.Tensor]
    running: bytes = b""


def snapshot_names(prefix: str, iteration: int, as_hdf5: bool = False) -> tuple[str, str]:
    """The names of weights and solver state at `iteration`."""
    stem, ending = f"{prefix}_iter_{iteration}", ".h5" if as_hdf5 else ""
    return f"{stem}.caffemodel{ending}", f"{stem}.solverstate{ending}"


def check_prefix(prefix: str) -> None:
    """Raise CaffeMnistError where no snapshot could be written, before anything is trained."""
    folder = os.path.dirname(prefix) or "."
    if not (os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)):
        raise CaffeMnistError(
            f"Cannot write to snapshot prefix {prefix!r}",
            where="solver",
            hint=f"make sure that the folder {folder} exists and is writable",
        )


def write_state(path: str | os.PathLike[str], state: SolverState) -> None:
    """Write a `.solverstate`, as HDF5 where the name ends in .h5."""
    if hdf5_files.is_hdf5(path):
        hdf5_files.write_state(path, state)
        return
    content = packed("SolverState")()
    content.iter = state.iteration  # type: ignore[attr-defined]
    content.learned_net = state.learned_net  # type: ignore[attr-defined]
    content.current_step = state.current_step  # type: ignore[attr-defined]
    for values in state.history:
        fill_blob(content.history.add(), array(values))  # type: ignore[attr-defined]
    if state.running:
        content.running_state = state.running  # type: ignore[attr-defined]
    write_packed(path, content)


def read_state(path: str | os.PathLike[str]) -> SolverState:
    """Read a `.solverstate`; raises CaffeMnistError for anything else."""
    if hdf5_files.is_hdf5(path):
        return SolverState(*hdf5_files.read_state(path))
    content = read_packed(path, "SolverState")
    if not content.HasField("iter"):
        raise CaffeMnistError("holds no iteration, so it is no solverstate", where=path)
    history = [
        torch.from_numpy(numbers(blob, f"{path}: history {k}").copy()).reshape(shape(blob))
        for k, blob in enumerate(content.history)
    ]
    step, running = content.current_step, content.running_state
    return SolverState(content.iter, content.learned_net, step, history, running)


def restore_history(history: list[torch.Tensor], state: SolverState, where: object) -> None:
    """Copy the saved histories into `history`; raises CaffeMnistError if they do not fit."""
    if len(state.history) != len(history):
        raise CaffeMnistError(
            f"holds {len(state.history)} histories, the solver has {len(history)}",
            where=where,
            hint="the snapshot is of another net or solver type",
        )
    for index, (ours, theirs) in enumerate(zip(history, state.history)):
        if ours.numel() != theirs.numel():
            raise CaffeMnistError(
                f"history {index} has {theirs.numel()} numbers, the solver's has {ours.numel()}",
                where=where,
            )
        ours.copy_(theirs.reshape(ours.shape))


def learned_net(path: str | os.PathLike[str], state: SolverState) -> Path:
    """The weights that belong to the state at `path`: lying beside it, or as named in it.

    Those beside it go first: a state that was moved with its weights may name a path where
    another run's lie by now.
    """
    named = Path(state.learned_net)
    beside = Path(path).parent / named.name
    for place in (beside, named):
        if os.path.isfile(place):
            return place
    raise CaffeMnistError(
        f"its weights {state.learned_net} are not there, nor beside it", where=path
    )
