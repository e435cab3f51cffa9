"""Where a training begins: at the start, at given weights, or at a snapshot."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.anew import is_another, read_note
from caffe_mnist.launch.divergence import is_finite
from caffe_mnist.launch.plan import Plan, say
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.packed import read_packed, write_packed
from caffe_mnist.storage.copies import download
from caffe_mnist.storage.pairs import Pair, pairs
from caffe_mnist.storage.snapshots import DamagedError, fetch, sha256
from caffe_mnist.storage.survey import Published, survey
from caffe_mnist.storage.urls import is_local

# The time that fetched snapshots get (2001): before any run, so that none takes them for its own.
EARLIER = 1e9


@dataclass(frozen=True)
class Start:
    """Paths for the trainer's flags, empty where not used, and the iteration to go on from.

    `unsaved`: the snapshot is on this disk only, and not yet in the store. `training`: the name
    of the training that it is of, if it is known.
    """

    weights: str = ""
    snapshot: str = ""
    iteration: int = 0
    note: str = "from the start"
    unsaved: bool = False
    training: str = ""


def find_start(plan: Plan) -> Start:
    """What the settings ask for, with everything that lies in a store brought here.

    `--snapshot auto` takes the complete snapshot of the highest iteration of the training that
    was begun last, local or in the store; where there is none, the weights that are given, or the
    beginning. Raises CaffeMnistError when a file is missing or is none.
    """
    settings = plan.settings
    if settings.snapshot == "auto":
        found = _newest(plan)
        if found is not None:
            return found
    elif settings.snapshot != "none":
        path = Path(_local(settings.snapshot, plan))
        return _at(_with_weights(path, plan), f"from {settings.snapshot}")
    if settings.weights:
        names = [_local(name, plan) for name in settings.weights.split(",") if name]
        for name in names:
            if not name.endswith(".h5"):
                read_packed(name, "NetParameter")
        return Start(weights=",".join(names), note=f"from the weights {settings.weights}")
    none = " (there is no complete snapshot)" if settings.snapshot == "auto" else ""
    return Start(note=f"from the start{none}")


def _newest(plan: Plan) -> Start | None:
    note, found = read_note(plan), None
    here = pairs(plan.prefix, earlier=note.earlier)
    if plan.settings.train_url:
        found = survey(plan.settings.train_url)
        if here and is_another(note.training, found.begun.training):
            say(
                f"what is in {plan.model_folder} is of another training ({note.training}) than "
                f"what was begun last in {plan.settings.train_url} ({found.begun.training}): it "
                "stays, and --snapshot FILE goes on from it"
            )
            here = []
    there = found.current if found is not None else []
    local = next((pair for pair in reversed(here) if _is_whole(pair)), None)
    for stored in reversed([one for one in there if one.resumable]):
        if local is not None and local.iteration >= stored.manifest.iteration:
            break
        state = _fetched(stored, plan)
        if state is not None:
            start = _at(state, f"from iteration {stored.manifest.iteration} in {stored.url}")
            return replace(start, training=stored.manifest.training)
    if local is None:
        return None
    unsaved = bool(plan.settings.train_url) and not any(_is_of(one, local) for one in there)
    _point_to_neighbour(local.state)
    start = _at(local.state, f"from iteration {local.iteration} in {local.state}")
    return replace(start, unsaved=unsaved, training=note.training)


def _is_of(stored: Published, local: Pair) -> bool:
    """Whether a stored snapshot holds the weights of a local one."""
    sums = {file.name: file.sha256 for file in stored.manifest.files}
    name = local.weights.name
    return stored.number is not None and name in sums and sums[name] == sha256(local.weights)


def _fetched(stored: Published, plan: Plan) -> Path | None:
    """The solver state of a stored snapshot, brought here with its weights; None if damaged.

    The files get the time of the snapshot, so that they do not look like new ones.
    """
    try:
        files = fetch(
            stored.url, plan.model_folder, lambda name: re.search(r"_iter_\d+\.", name) is not None
        )
    except DamagedError as error:
        print(f"train: passed over: {error}", file=sys.stderr)
        return None
    state = next(path for path in files if ".solverstate" in path.name)
    weights = next(path for path in files if ".caffemodel" in path.name)
    if not _is_whole(Pair(stored.manifest.iteration, weights, state, ())):
        print(f"train: passed over: {stored.url} holds no snapshot of Caffe", file=sys.stderr)
        return None
    _point_to_neighbour(state)
    for path in (weights, state):
        os.utime(path, (EARLIER, EARLIER))
    return state


def _with_weights(state: Path, plan: Plan) -> Path:
    """`state`, or, where the weights that it names have moved with it, a copy that finds them."""
    if state.name.endswith(".h5") or not state.is_file():
        return state
    named = Path(read_packed(state, "SolverState").learned_net)
    if os.path.isfile(named) or not os.path.isfile(state.parent / named.name):
        return state
    folder = plan.model_folder / "start"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / state.name
    if copy.resolve() != state.resolve():
        shutil.copyfile(state, copy)
    content = read_packed(copy, "SolverState")
    content.learned_net = str((state.parent / named.name).absolute())
    write_packed(copy, content)
    return copy


def _at(state: Path, note: str) -> Start:
    if not state.is_file():
        raise CaffeMnistError("there is no such snapshot", where=state)
    if state.name.endswith(".h5"):
        match = re.search(r"_iter_(\d+)\.", state.name)
        return Start("", str(state), int(match.group(1)) if match else 0, note)
    content = read_packed(state, "SolverState")
    if not content.HasField("iter"):
        raise CaffeMnistError("holds no iteration, so it is no solverstate", where=state)
    return Start("", str(state), content.iter, note)


def _is_whole(pair: Pair) -> bool:
    """Whether both files parse; a half-written one does not."""
    if pair.state.name.endswith(".h5"):
        return all(path.read_bytes()[:4] == b"\x89HDF" for path in pair.files)
    try:
        state = read_packed(pair.state, "SolverState")
        weights = read_packed(pair.weights, "NetParameter")
    except CaffeMnistError:
        return False
    if not is_finite(pair.weights):
        print(f"train: passed over: {pair.weights} holds weights that are no numbers",
              file=sys.stderr)  # fmt: skip
        return False
    return bool(state.HasField("iter")) and bool(weights.layer or weights.layers)


def step_note(plan: Plan, start: Start) -> str:
    """What is to be said where the state's steps override the solver's rate; else nothing.

    Caffe's policy multistep counts on from the state's current_step, whatever stepvalue says now.
    The engine says it itself.
    """
    if not start.snapshot or start.snapshot.endswith(".h5") or plan.trainer.embedded:
        return ""
    solver = read_text(plan.run_solver, caffe_pb2.SolverParameter)
    if solver.lr_policy != "multistep":
        return ""
    state, values = read_packed(start.snapshot, "SolverState"), list(solver.stepvalue)
    steps, ours = state.current_step, sum(value <= state.iter for value in values)
    now = steps + (steps < len(values) and state.iter >= values[steps])
    if now == ours:
        return ""
    rates = [f"{solver.base_lr * solver.gamma**count:g}" for count in (now, ours)]
    return (
        f"the learning rate is {rates[0]}, not {rates[1]}: Caffe goes on counting from the "
        f"{steps} step(s) in {start.snapshot}, whatever stepvalue says of iteration {state.iter}"
    )


def _point_to_neighbour(state: Path) -> None:
    """A solverstate names its weights by the path they had; they lie beside it now."""
    if state.name.endswith(".h5"):
        return
    content = read_packed(state, "SolverState")
    named = Path(content.learned_net)
    beside = state.parent / named.name
    if not os.path.isfile(named) and os.path.isfile(beside):
        content.learned_net = str(beside)
        write_packed(state, content)


def _local(name: str, plan: Plan) -> str:
    """A path as it is, a URL as a copy in the model folder."""
    if is_local(name) and "://" not in name:
        if not Path(name).is_file():
            raise CaffeMnistError("there is no such file", where=name)
        return name
    target = plan.model_folder / "start" / name.rstrip("/").rpartition("/")[2]
    download(name, target)
    if ".solverstate" in target.name:
        weights = re.sub(r"\.solverstate", ".caffemodel", name)
        download(weights, target.parent / weights.rpartition("/")[2])
        _point_to_neighbour(target)
    return str(target)
