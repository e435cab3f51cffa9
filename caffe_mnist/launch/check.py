"""What is wrong with a net, or a solver and its nets, before anything runs.

Text, wiring, paths and the shapes of every layer: all faults of all files together, each with its
line. Shapes are the engine's, where it is installed and there is time for it (a program of its own
here, as everywhere in this room); else those that `layouts/sizes.py` can tell.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, JobError, ManyFaultsError
from caffe_mnist.launch.deploy_command import item_shape
from caffe_mnist.launch.memory import held_numbers
from caffe_mnist.layouts.rewrite import places_of_nets
from caffe_mnist.layouts.sizes import sizes_of
from caffe_mnist.layouts.source import NET, Prototxt, read_prototxt
from caffe_mnist.layouts.wiring import buildable, faults_of_wiring, names_given_twice, unfed
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.prototxt import Block
from caffe_mnist.schema.upgrade import upgrade_net
from caffe_mnist.schema.upgrade_solver import upgrade_solver

PHASES = ("TRAIN", "TEST")
FLOAT = 4
# Caffe's layers that read pictures, with one label each.
OF_PICTURES = ("Data", "ImageData", "MemoryData", "WindowData")
# How long the engine may take for the shapes of all nets (seconds).
PATIENCE = 300.0


@dataclass(frozen=True)
class CheckedLayer:
    """One layer: its tops and their shapes (None where a fault hides them), its parameters."""

    name: str
    type: str
    tops: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...] | None = None
    parameters: int = 0


@dataclass
class CheckedNet:
    """A net in one phase; `parameters` in numbers, `blobs` in bytes, without gradients.

    `held` are the bytes that Caffe really allocates for them, in TRAIN with their gradients. All
    are only what is sure at least where not everything is `known`.
    """

    path: str
    phase: int
    layers: list[CheckedLayer]
    parameters: int = 0
    blobs: int = 0
    known: bool = True
    held: int = 0


@dataclass
class Checked:
    """Everything that was found; a line each of `faults` and of `notes`."""

    nets: list[CheckedNet] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, line: str) -> None:
        """Note one, once."""
        if line not in self.faults:
            self.faults.append(line)

    def note(self, line: str) -> None:
        """Note something that is no fault, once."""
        if line not in self.notes:
            self.notes.append(line)


@dataclass
class _Wanted:
    """A net to look at, in one phase, as it was written."""

    source: Prototxt
    param: Any
    phase: int
    state: Any
    layers: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def where(self, layer: Any) -> str:
        """`file:line:column: layer 'name' (type)`."""
        start = next((k for k, one in enumerate(self.param.layer) if one == layer), None)
        blocks = [one for one in self.source.block.fields
                  if one.name in ("layer", "layers") and isinstance(one.value, Block)]  # fmt: skip
        place = self.source.path
        if start is not None and len(blocks) == len(self.param.layer):
            place = self.source.at(blocks[start].start)
        return f"{place}: layer {layer.name!r} ({layer.type})"


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
        _tell_shapes(wanted, dict(inputs or {}), checked)
    else:
        _check_shapes(wanted, solver, path, dict(inputs or {}), checked, data)
    return checked


def _nets_of_solver(source: Prototxt, solver: Any, checked: Checked) -> list[_Wanted]:
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
    tests = max(len(solver.test_iter), len(solver.test_net) + len(solver.test_net_param))
    if tests != len(solver.test_iter):
        checked.fault(f"{source.path}: gives test_iter {len(solver.test_iter)} times for {tests} "
                      "test net(s)")  # fmt: skip
    if tests and solver.test_interval < 1:
        checked.fault(f"{source.path}: has test nets, but no positive test_interval")
    if solver.test_state and len(solver.test_state) != tests:
        checked.fault(f"{source.path}: gives test_state {len(solver.test_state)} times for "
                      f"{tests} test net(s)")  # fmt: skip
    names += [solver.net] * (tests - len(solver.test_net) - len(solver.test_net_param))
    wanted: list[_Wanted] = []
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
        chosen = _Wanted(one, param, phase, extra)
        if _choose(chosen, checked):
            wanted.append(chosen)
    return wanted


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
    tests = max(len(solver.test_iter), len(solver.test_net) + len(solver.test_net_param))
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


def _phases(source: Prototxt, state: Any, checked: Checked) -> list[_Wanted]:
    """A net in both phases where they differ, else as for testing."""
    try:
        param = _upgraded(source)
    except CaffeMnistError as error:
        checked.faults += error.faults
        return []
    both = [_Wanted(source, param, phase, state) for phase in (0, 1)]
    both = [one for one in both if _choose(one, checked)]
    if len(both) == 2 and both[0].layers == both[1].layers:
        both = both[1:]
    # A net for testing alone: what it shares with training has no data there.
    both = [one for one in both if any(not layer.bottom for layer in one.layers)] or both
    return [one for one in both if one.layers]


def _choose(wanted: _Wanted, checked: Checked) -> bool:
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


def _check_wiring(wanted: _Wanted, checked: Checked) -> None:
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


def _check_shapes(
    wanted: Sequence[_Wanted],
    solver: Any,
    solver_path: str,
    inputs: dict[str, Sequence[int]],
    checked: Checked,
    data: bool,
) -> None:
    if importlib.util.find_spec("torch") is None:
        checked.notes.append(
            "types are not checked, nor shapes that hang on layers of forks or in Python: "
            "the embedded engine is not installed (pip install 'caffe-mnist[engine]')"
        )
        _tell_shapes(wanted, inputs, checked)
        return
    nets: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    for one in wanted:
        net = caffe_pb2.NetParameter(name=one.param.name)
        path = one.source.path
        unknown: set[str] = set()
        kept, one.kept = one.kept, []
        for index in kept:
            layer = one.layers[index]
            if unknown.isdisjoint(layer.bottom):
                net.layer.append(_fed(layer, inputs, path, notes, unknown))
                one.kept.append(index)
            else:
                unknown.update(set(layer.top) - set(layer.bottom))
        net.state.MergeFrom(one.state)
        types = [layer.type for layer in one.layers]
        nets.append({"phase": one.phase, "net": _packed(net), "types": types})
    checked.notes += notes
    answer = _engine({"solver": _packed(solver), "nets": nets})
    for what in answer["solver"]:
        checked.fault(f"{solver_path}: {what}")
    for one, found in zip(wanted, answer["nets"]):
        _take(one, found, checked, data)


def _tell_shapes(
    wanted: Sequence[_Wanted], inputs: dict[str, Sequence[int]], checked: Checked
) -> None:
    """Shapes, and what is wrong with them, as far as that can be told without the engine."""
    for one in wanted:
        data: dict[str, tuple[int, ...]] = {}
        for layer in one.layers:
            data.update(_data_shapes(layer, inputs, one.source.path))
        found = sizes_of(one.layers, data)
        for index, what in found.faults:
            checked.fault(f"{one.where(one.layers[index])}: {what}")
        rows = []
        for layer, tops, count in zip(one.layers, found.tops, found.counts):
            shapes = None
            if tops is not None and tops and tops[0] is not None:
                first = tops[0]  # labels are most likely one a picture
                shapes = tuple(first[:1] if shape is None else shape for shape in tops)
            rows.append(CheckedLayer(layer.name, layer.type, tuple(layer.top), shapes, count))
        checked.nets.append(
            CheckedNet(one.source.path, one.phase, rows, found.parameters, FLOAT * found.blobs,
                       found.known, _held(one.layers, rows, one.phase))
        )  # fmt: skip


def _data_shapes(
    layer: Any, inputs: dict[str, Sequence[int]], where: str
) -> dict[str, tuple[int, ...]]:
    """Of a data layer's tops: as given, else of the first one by settings and data."""
    if layer.bottom or not layer.top or layer.type in ("Parameter", "Python"):
        return {}
    given = {top: tuple(inputs[top]) for top in layer.top if top in inputs}
    if "" in inputs:
        given.setdefault(layer.top[0], tuple(inputs[""]))
    if given or layer.type in ("Input", "DummyData"):
        return given
    try:
        return {layer.top[0]: (_batch(layer), *item_shape(layer, layer.top[0], Path(where)))}
    except CaffeMnistError:
        return {}


def _batch(layer: Any) -> int:
    return next((getattr(value, "batch_size", 0) for _, value in layer.ListFields()
                 if hasattr(value, "batch_size")), 0)  # fmt: skip


def _take(wanted: _Wanted, found: dict[str, Any], checked: Checked, data: bool) -> None:
    """The engine's answer on one net; without `data`, none of layers whose data is still to come
    (and what hangs on them)."""
    known = True
    there = {wanted.kept[row["layer"]]: row for row in found["layers"]}
    rows = []
    for index, layer in enumerate(wanted.layers):
        row = there.get(index)
        shapes = None if row is None else tuple(tuple(one) for one in row["shapes"])
        tops = tuple(layer.top) if row is None else tuple(row["tops"])
        count = 0 if row is None else row["parameters"]
        rows.append(CheckedLayer(layer.name, layer.type, tops, shapes, count))
    for index, what in found["types"]:
        checked.fault(f"{wanted.where(wanted.layers[index])}: {what}")
    for fault in found["faults"]:
        where = wanted.source.path
        if fault["layer"] is not None:
            layer = wanted.layers[wanted.kept[fault["layer"]]]
            if not data and not layer.bottom and _is_missing(layer):
                known = False
                continue
            where = wanted.where(layer)
        line = f"{where}: {fault['what']}"
        missing = any(_names_it(one, fault["what"]) for one in checked.faults)
        if not missing:
            checked.fault(line)
    count, blobs = found["parameters"], found["blobs"]
    held = _held(wanted.layers, rows, wanted.phase)
    checked.nets.append(
        CheckedNet(wanted.source.path, wanted.phase, rows, count, blobs, known, held)
    )


def _held(layers: Sequence[Any], rows: Sequence[CheckedLayer], phase: int) -> int:
    """Bytes of a net's blobs, in TRAIN with gradients."""
    found = [
        (layer, row.tops, row.shapes or (), row.parameters) for layer, row in zip(layers, rows)
    ]
    return FLOAT * held_numbers(found, gradients=phase == 0)


def _names_it(line: str, what: str) -> bool:
    """Whether a fault of a path that is missing says this already."""
    path = line.rpartition(": ")[2].partition(" does not exist")[0]
    return " does not exist" in line and bool(path) and path in what


def _fed(
    layer: Any,
    inputs: dict[str, Sequence[int]],
    where: str,
    notes: dict[str, None],
    unknown: set[str],
) -> Any:
    """A data layer as an Input of the shape that is given, or that its settings tell without the
    data; any other, and one whose data are there, as it is.

    Tops whose shapes nobody tells are added to `unknown`: labels of other layers than Caffe's
    readers of pictures, which give one a picture.
    """
    if layer.bottom or not layer.top or layer.type in ("Parameter", "Input", "DummyData"):
        return layer
    given = inputs.get(layer.top[0]) or inputs.get("")
    if given is None and not _is_missing(layer):
        return layer
    batch = _batch(layer)
    if given is None:
        try:
            given = (batch, *item_shape(layer, layer.top[0], Path(where)))
        except CaffeMnistError:
            notes[
                f"how large {layer.top[0]!r} is cannot be told without the data: "
                f"--input {layer.top[0]}={batch or 64}x3x224x224 (say) shows the shapes"
            ] = None
            return layer
    plain = caffe_pb2.LayerParameter(name=layer.name, type="Input")
    for index, top in enumerate(layer.top):
        if index and top not in inputs and layer.type not in OF_PICTURES:
            unknown.add(top)
            continue
        plain.top.append(top)
        plain.input_param.shape.add(dim=given if not index else inputs.get(top, given[:1]))
    return plain


def _is_missing(layer: Any) -> bool:
    names = ("data_param", "image_data_param", "hdf5_data_param", "window_data_param")
    sources = [getattr(layer, name).source for name in names if layer.HasField(name)]
    return any(source and not os.path.exists(source) for source in sources)


def _packed(message: Any) -> str | None:
    return None if message is None else base64.b64encode(message.SerializeToString()).decode()


def _engine(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer of the engine's program; raises JobError if it gives none."""
    command = [sys.executable, "-m", "caffe_mnist.engine.examination"]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    except (subprocess.TimeoutExpired, ValueError, OSError):
        last = done.stderr.strip().split("\n")[-1] if "done" in locals() else "no answer"
        raise JobError(f"the engine could not look at the nets: {last}") from None
