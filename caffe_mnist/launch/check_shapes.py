"""The shapes of every layer of nets that are looked at, and what is wrong with them.

They are the engine's, where it is installed (a program of its own here, as everywhere in this
room); else those that `layouts/sizes.py` can tell.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.checked import Checked, CheckedLayer, CheckedNet, Wanted
from caffe_mnist.launch.deploy_command import item_shape
from caffe_mnist.launch.memory import held_numbers
from caffe_mnist.layouts.sizes import sizes_of
from caffe_mnist.schema import caffe_pb2

FLOAT = 4
# Caffe's layers that read pictures, with one label each.
OF_PICTURES = ("Data", "ImageData", "MemoryData", "WindowData")
# How long the engine may take for the shapes of all nets (seconds).
PATIENCE = 300.0


def check_shapes(
    wanted: Sequence[Wanted],
    solver: Any,
    solver_path: str,
    inputs: dict[str, Sequence[int]],
    checked: Checked,
    data: bool,
) -> None:
    """Add shapes and what is wrong with them, and with the solver, to `checked`.

    Without `data`, data that is not there is no fault. Raises JobError if the engine gives no
    answer.
    """
    if importlib.util.find_spec("torch") is None:
        checked.notes.append(
            "types are not checked, nor shapes that hang on layers of forks or in Python: "
            "the embedded engine is not installed (pip install 'caffe-mnist[engine]')"
        )
        tell_shapes(wanted, inputs, checked)
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


def tell_shapes(
    wanted: Sequence[Wanted], inputs: dict[str, Sequence[int]], checked: Checked
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


def _take(wanted: Wanted, found: dict[str, Any], checked: Checked, data: bool) -> None:
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
