"""What is wrong with a net, or a solver and its nets, before anything runs.

Text, wiring, paths and the shapes of every layer: all faults of all files together, each with its
line. Shapes are the engine's, where it is installed and there is time for it (a program of its own
here, as everywhere in this room); else those that `layouts/sizes.py` can tell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError
from caffe_mnist.launch.check_shapes import check_shapes, tell_shapes
from caffe_mnist.launch.checked import Checked, Wanted
from caffe_mnist.layouts.rewrite import places_of_nets
from caffe_mnist.layouts.source import NET, Prototxt, read_prototxt
from caffe_mnist.layouts.wiring import buildable, faults_of_wiring, names_given_twice, unfed
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.upgrade import upgrade_net
from caffe_mnist.schema.upgrade_solver import upgrade_solver

PHASES = ("TRAIN", "TEST")


def check_file(
    path: str,
    inputs: Mapping[str, Sequence[int]] | None = None,
    data: bool = True,
    state: Any = None,
    shapes: bool = True,
) -> Checked:
    """Look through a net, or a solver with its nets.

    `inputs` are shapes in the place of data; without `data`, databases need not be there yet;
    without `shapes` the engine is not asked, and sizes are those that can be told at once.
    Raises CaffeMnistError for a file that cannot be read; all else is in the result.
    """
    checked = Checked()
    try:
        source = read_prototxt(path)
    except ManyFaultsError as error:
        checked.faults += error.faults
        return checked
    solver = None
    if source.is_solver:
        solver = parse_text(source.text, caffe_pb2.SolverParameter, path)
        upgrade_solver(solver, path)
        wanted = _nets_of_solver(source, solver, checked)
        _check_paths(source, checked, data=True)
    else:
        wanted = _phases(source, state or caffe_pb2.NetState(), checked)
    for text in {id(one.source): one.source for one in wanted}.values():
        _check_paths(text, checked, data)
    for one in wanted:
        _check_wiring(one, checked)
    if not shapes:
        tell_shapes(wanted, dict(inputs or {}), checked)
    else:
        check_shapes(wanted, solver, path, dict(inputs or {}), checked, data)
    return checked


def _nets_of_solver(source: Prototxt, solver: Any, checked: Checked) -> list[Wanted]:
    try:
        places = places_of_nets(source)
    except ManyFaultsError as error:
        checked.faults += error.faults
        places = places_of_nets(source, missing=True)
    ways = [way for way in ("net", "net_param", "train_net", "train_net_param")
            if solver.HasField(way)]  # fmt: skip
    if len(ways) != 1:
        found = ", ".join(ways) or "none"
        checked.fault(f"{source.path}: names its train net in one of net, net_param, train_net, "
                      f"train_net_param; found {found}")  # fmt: skip
    names = [solver.train_net or solver.net, *solver.test_net]
    tests = _tests_of(solver)
    if tests != len(solver.test_iter):
        checked.fault(f"{source.path}: gives test_iter {len(solver.test_iter)} times for {tests} "
                      "test net(s)")  # fmt: skip
    if tests and solver.test_interval < 1:
        checked.fault(f"{source.path}: has test nets, but no positive test_interval")
    if solver.test_state and len(solver.test_state) != tests:
        checked.fault(f"{source.path}: gives test_state {len(solver.test_state)} times for "
                      f"{tests} test net(s)")  # fmt: skip
    names += [solver.net] * (tests - len(solver.test_net) - len(solver.test_net_param))
    wanted: list[Wanted] = []
    read: dict[Path, tuple[Prototxt, Any]] = {}
    for number, name in enumerate(names):
        path = places.get(name)
        if path is None or (number and not name):
            continue
        if path not in read:
            fresh = _read_net(path, checked)
            if fresh is None:
                continue
            read[path] = fresh
        one, param = read[path]
        phase = min(number, 1)
        states = [solver.train_state, *solver.test_state]
        extra = states[number] if number < len(states) else caffe_pb2.NetState()
        chosen = Wanted(one, param, phase, extra)
        if _choose(chosen, checked):
            wanted.append(chosen)
    return wanted


def _tests_of(solver: Any) -> int:
    """How many test nets a solver asks for: only `net` and `net_param` are as many as it wants."""
    named = len(solver.test_net) + len(solver.test_net_param)
    if solver.HasField("net") or solver.HasField("net_param"):
        return max(len(solver.test_iter), named)
    return named


def test_outputs(path: str) -> list[list[str]] | None:
    """What each test net of a solver gives: the tops that no layer takes, in their order.

    None where that cannot be told: of nets that stand in the solver, or have faults.
    """
    checked, solver = Checked(), caffe_pb2.SolverParameter()
    try:
        source = read_prototxt(path)
        solver = parse_text(source.text, caffe_pb2.SolverParameter, path)
        upgrade_solver(solver, path)
        wanted = _nets_of_solver(source, solver, checked)
    except CaffeMnistError:
        return None
    tests = _tests_of(solver)
    found = [one for one in wanted if one.phase]
    if checked.faults or len(found) != tests:
        return None
    outputs = []
    for one in found:
        free: dict[str, None] = {}
        for layer in one.layers:
            for bottom in layer.bottom:
                free.pop(bottom, None)
            free.update(dict.fromkeys(layer.top))
        outputs.append(list(free))
    return outputs


def _read_net(path: Path, checked: Checked) -> tuple[Prototxt, Any] | None:
    try:
        source = read_prototxt(path, NET)
        return source, _upgraded(source)
    except CaffeMnistError as error:
        checked.faults += [line for line in error.faults if line not in checked.faults]
        return None


def _upgraded(source: Prototxt) -> Any:
    param = parse_text(source.text, caffe_pb2.NetParameter, source.path)
    new = caffe_pb2.NetParameter.FromString(upgrade_net(param, source.path).SerializeToString())
    new.state.CopyFrom(param.state)
    return new


def _phases(source: Prototxt, state: Any, checked: Checked) -> list[Wanted]:
    """A net in both phases where they differ, else as for testing."""
    try:
        param = _upgraded(source)
    except CaffeMnistError as error:
        checked.faults += error.faults
        return []
    both = [Wanted(source, param, phase, state) for phase in (0, 1)]
    both = [one for one in both if _choose(one, checked)]
    if len(both) == 2 and both[0].layers == both[1].layers:
        both = both[1:]
    # A net for testing alone: what it shares with training has no data there.
    both = [one for one in both if any(not layer.bottom for layer in one.layers)] or both
    return [one for one in both if one.layers]


def _choose(wanted: Wanted, checked: Checked) -> bool:
    """The layers of its phase, level and stages, and those of the other phase."""
    net = caffe_pb2.NetParameter()
    net.CopyFrom(wanted.param)
    net.state.MergeFrom(wanted.state)
    try:
        for phase in (wanted.phase, 1 - wanted.phase):
            net.state.phase = phase  # type: ignore[assignment]
            found = list(filter_net(net).layer)
            if phase == wanted.phase:
                wanted.layers = found
            else:
                wanted.others = found
    except CaffeMnistError as error:
        checked.fault(f"{wanted.source.path}: {error}")
        return False
    return True


def _check_paths(source: Prototxt, checked: Checked, data: bool) -> None:
    for item in source.paths():
        if item.role == "code" or not item.value or (item.role == "data" and not data):
            continue
        place = (os.path.dirname(item.value) or ".") if item.written else item.value
        if os.path.exists(place):
            continue
        name = item.field.split(".")[1]
        beside = os.path.join(os.path.dirname(source.path), place)
        hint = " (from this file's folder it does: --paths-from solver)" if (
            not os.path.isabs(place) and os.path.exists(beside)) else ""  # fmt: skip
        checked.fault(f"{source.at(item.start)}: {name}: {place} does not exist{hint}")


def _check_wiring(wanted: Wanted, checked: Checked) -> None:
    faults = faults_of_wiring(wanted.layers, wanted.others)
    for index, what in faults:
        where = f"{wanted.where(wanted.layers[index])}: "
        # The same of the other phase, in other words perhaps, is said already.
        same = where + "'".join(what.split("'")[:2])
        if not any(line.startswith(same) for line in checked.faults):
            checked.fault(where + what)
    faulty = {index for index, _ in faults} | unfed(wanted.layers)
    wanted.kept = buildable(wanted.layers, faulty)
    if not wanted.layers:
        checked.fault(f"{wanted.source.path}: has no layers in phase {PHASES[wanted.phase]}")
    elif wanted.phase == 0 and not any(_is_loss(layer) for layer in wanted.layers):
        checked.note(f"{wanted.source.path}: has no loss in phase TRAIN, so that nothing learns")
    for index, what in names_given_twice(wanted.layers):
        checked.note(f"{wanted.where(wanted.layers[index])}: {what}")


def _is_loss(layer: Any) -> bool:
    """Python layers may be one, types that are not known, too."""
    return "Loss" in layer.type or bool(layer.loss_weight) or layer.type == "Python"
