"""Snapshots as HDF5 files: `.caffemodel.h5` and `.solverstate.h5`, as Caffe writes them.

Weights: a group `data` with a group for each layer, in it a dataset `0`, `1`, … for each
parameter (float32, its shape); parameters that belong to an earlier layer are left out. With
gradients, a group `diff` alike, with all of them. State: datasets `iter` and `current_step`
(int32, one element), `learned_net` (a string with its final zero), and a group `history` with
datasets `0`, `1`, …; beside them ours, `running_state` (bytes), which Caffe does not look for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from caffe_mnist.engine.misfit import other_count, other_shape
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

if TYPE_CHECKING:
    from caffe_mnist.engine.snapshot import SolverState


# What the library raises for a damaged file, whatever is asked of it.
HDF5_ERRORS = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    MemoryError,
)
# Deflate makes nothing smaller than this.
SMALLEST_SHARE = 1100


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether Caffe takes the file for HDF5: by its name."""
    return os.fspath(path).endswith(".h5")


def save_weights(net: Net, path: str | os.PathLike[str], with_diffs: bool = False) -> None:
    """Write the parameters of `net`, and their gradients on request."""
    for layer in net.layers:
        if layer.blobs and ("/" in layer.name or layer.name in ("", ".")):
            raise layer.error("cannot be saved as HDF5: its name is none of a group")
    with replacing(Path(path)) as aside, _writing(aside) as file:
        data = file.create_group("data")
        diffs = file.create_group("diff") if with_diffs else None
        seen: set[int] = set()
        for layer in net.layers:
            if "/" in layer.name:
                continue
            group = data.create_group(layer.name)
            for index, parameter in enumerate(layer.blobs):
                if id(parameter) not in seen and parameter.owner is None:
                    group[str(index)] = _array(parameter.data)
                seen.add(id(parameter))
            if diffs is not None:
                group = diffs.create_group(layer.name)
                for index, parameter in enumerate(layer.blobs):
                    group[str(index)] = _array(parameter.diff)


def load_weights(
    net: Net, path: str | os.PathLike[str], report: Callable[[str, str], None] | None = None
) -> list[str]:
    """Copy the weights of `path` into the layers of the same names; returns those without any.

    Raises CaffeMnistError, naming the layer, where numbers or shapes of parameters differ.
    """
    targets = {layer.name: layer for layer in net.layers}
    shared = _shared(net)
    with _reading(path) as file:
        groups = _group(file, "data", path)
        for name in groups:
            layer = targets.get(name)
            if layer is None:
                if report is not None:
                    report("net.cpp:801", f"Ignoring source layer {name}")
                continue
            group = _group(groups, name, path)
            if len(group) > len(layer.blobs):
                raise other_count(name, len(group), len(layer.blobs), path)
            for index, parameter in enumerate(layer.blobs):
                if str(index) not in group and (name, index) in shared:
                    continue
                where = f"{path}: layer {name!r}, parameter {index}"
                theirs = _dataset(group, str(index), where).shape
                if theirs != parameter.shape:
                    raise other_shape(name, index, theirs, parameter.shape, path)
                values = _values(group, str(index), where)
                parameter.data = torch.from_numpy(values).to(parameter.device)
        found = set(groups)
    return [layer.name for layer in net.layers if layer.blobs and layer.name not in found]


def write_state(path: str | os.PathLike[str], state: SolverState) -> None:
    """Write a `.solverstate.h5`."""
    name = os.fsencode(state.learned_net)
    with replacing(Path(path)) as aside, _writing(aside) as file:
        file["iter"] = np.array([state.iteration], np.int32)
        file["learned_net"] = np.array(name, f"S{len(name) + 1}")
        file["current_step"] = np.array([state.current_step], np.int32)
        history = file.create_group("history")
        for index, values in enumerate(state.history):
            history[str(index)] = _array(values)
        if state.running:
            file["running_state"] = np.frombuffer(state.running, np.uint8)


def read_state(path: str | os.PathLike[str]) -> tuple[int, str, int, list[torch.Tensor], bytes]:
    """Iteration, name of the weights, step, histories and running state of a `.solverstate.h5`."""
    with _reading(path) as file:
        if "iter" not in file:
            raise CaffeMnistError("holds no iteration, so it is no solverstate", where=path)
        iteration, step = (
            int(_values(file, name, f"{path}: {name}", (1,), "i")[0]) if name in file else 0
            for name in ("iter", "current_step")
        )
        name = _text(file, "learned_net", path) if "learned_net" in file else b""
        group = _group(file, "history", path)
        history = [
            torch.from_numpy(_values(group, str(index), f"{path}: history {index}"))
            for index in range(len(group))
        ]
        running = b""
        if "running_state" in file:
            running = bytes(_values(file, "running_state", f"{path}: running_state", kind="u"))
    return iteration, os.fsdecode(name.rstrip(b"\0")), step, history, running


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "w") as file:
            yield file
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {_reason(error)}", where=path) from None


@contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except HDF5_ERRORS as error:
        raise CaffeMnistError(f"cannot read as HDF5: {_reason(error)}", where=path) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]


def _group(parent: Any, name: str, path: object) -> Any:
    import h5py

    found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise CaffeMnistError(f"has no group {name!r}", where=path)
    return found


def _dataset(group: Any, name: str, where: object, kind: str = "f") -> Any:
    import h5py

    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind != kind:
        raise CaffeMnistError(
            f"is no dataset of {'floats' if kind == 'f' else 'ints'}", where=where
        )
    return found


def _values(
    group: Any, name: str, where: object, shape: tuple[int, ...] | None = None, kind: str = "f"
) -> Any:
    """A dataset as float32 (int64, or bytes), its shape and kind checked before it is read."""
    found = _dataset(group, name, where, kind)
    if shape is not None and found.shape != shape:
        raise CaffeMnistError(f"has shape {found.shape}, not {shape}", where=where)
    if promises_too_much(found):
        raise CaffeMnistError("promises more numbers than there are", where=where)
    return np.ascontiguousarray(found[()], {"f": np.float32, "u": np.uint8}.get(kind, np.int64))


def _text(group: Any, name: str, where: object) -> bytes:
    """A string of fixed or of any length."""
    import h5py

    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "SO" or found.size != 1:
        raise CaffeMnistError(f"{name} is no string", where=where)
    if promises_too_much(found):
        raise CaffeMnistError(f"{name} promises more than there is", where=where)
    value = np.asarray(found[()]).item()
    return value if isinstance(value, bytes) else str(value).encode()


def promises_too_much(dataset: Any) -> bool:
    """Whether a dataset's numbers cannot be in the file, so that no memory is taken for them."""
    there = int(dataset.id.get_storage_size())
    if dataset.chunks is None:
        return bool(dataset.nbytes > there)
    needed = max(dataset.nbytes, math.prod(dataset.chunks) * dataset.dtype.itemsize)
    return bool(needed > SMALLEST_SHARE * there + 2**20)


def _shared(net: Net) -> set[tuple[str, int]]:
    """Layer and index of the parameters that belong to an earlier place."""
    seen: set[int] = set()
    found = set()
    for layer in net.layers:
        for index, parameter in enumerate(layer.blobs):
            if parameter.owner is not None or id(parameter) in seen:
                found.add((layer.name, index))
            seen.add(id(parameter))
    return found


def _array(values: torch.Tensor) -> Any:
    return values.detach().cpu().contiguous().numpy()
