"""What was trained, for `run.json`: the solver's settings, and the net by its content."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.paths import PATHS
from caffe_mnist.schema.upgrade import upgrade_net
from caffe_mnist.schema.upgrade_solver import upgrade_solver
from caffe_mnist.schema.values import is_repeated


def described_solver(path: Path) -> dict[str, Any]:
    """The settings of a solver file that are no paths, by their names; {} if it cannot be read."""
    try:
        solver = read_text(path, caffe_pb2.SolverParameter)
        upgrade_solver(solver, path)
    except CaffeMnistError:
        return {}
    return {
        field.name: _plain(field, value)
        for field, value in solver.ListFields()
        if field.message_type is None and f"SolverParameter.{field.name}" not in PATHS
    }


def described_net(path: Path) -> dict[str, Any]:
    """A net by its content: name, layers, batch sizes and a hash; {} if it cannot be read.

    The hash is the same wherever its file and data lie, and however it is written.
    """
    try:
        net = upgrade_net(read_text(path, caffe_pb2.NetParameter), path)
    except CaffeMnistError:
        return {}
    content = caffe_pb2.NetParameter.FromString(net.SerializeToString())
    _clear_paths(content)
    digest = hashlib.sha256(content.SerializeToString(deterministic=True)).hexdigest()
    sizes = {}
    for layer in net.layer:
        phases = [rule.phase for rule in layer.include if rule.HasField("phase")]
        size = next((size for size in map(_batch_size, _settings(layer)) if size), 0)
        if size:
            sizes["test" if phases == [caffe_pb2.TEST] else "train"] = size
    return {
        "file": path.name,
        "name": net.name,
        "layers": len(net.layer),
        "batch_size": sizes,
        "sha256": digest,
    }


def _settings(layer: Any) -> list[Any]:
    return [value for field, value in layer.ListFields() if field.name.endswith("data_param")]


def _batch_size(settings: Any) -> int:
    return int(getattr(settings, "batch_size", 0))


def _clear_paths(message: Any) -> None:
    for field, value in list(message.ListFields()):
        if f"{message.DESCRIPTOR.name}.{field.name}" in PATHS:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for one in value if is_repeated(field) else [value]:
                _clear_paths(one)


def _plain(field: Any, value: Any) -> Any:
    """A value as JSON has it: names of enumerations, floats with the digits that name them."""
    if is_repeated(field):
        return [_one(field, each) for each in value]
    return _one(field, value)


def _one(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return _shortest(value) if isinstance(value, float) else value


def _shortest(value: float) -> float:
    """A float of 32 bits by the fewest digits that name it: 0.01, not 0.009999999776."""
    same = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    return next((float(text) for text in texts if struct.pack("f", float(text)) == same), value)
