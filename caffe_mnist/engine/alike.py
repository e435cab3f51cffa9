"""Whether the solvers of a group train the same: their settings, nets and data, compared.

Paths may differ from machine to machine, and what only the root heeds: tests, snapshots, display.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from caffe_mnist.engine.layers.source import Source
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.paths import PATHS
from caffe_mnist.schema.values import is_repeated

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from caffe_mnist.engine.solver import Solver
    from caffe_mnist.engine.team import Team

# Settings that may differ without making another training, beside paths.
LOCAL = frozenset(
    f"SolverParameter.{name}"
    for name in (
        "net_param", "train_net_param", "test_net_param", "test_iter", "test_interval",
        "test_state", "test_initialization", "snapshot", "device_id", "display", "debug_info",
    )
) | frozenset(
    {"LayerParameter.blobs", "DataParameter.backend", "DataParameter.prefetch",
     "DataParameter.cache", "PythonParameter.module", "PythonParameter.param_str"}
)  # fmt: skip


def check_alike(solver: Solver, team: Team) -> None:
    """Raise CaffeMnistError, the same in all, where somebody trains something else than the root.

    All call it at the same place.
    """
    ours = described(solver)
    root = json.loads(team.tell(json.dumps(ours).encode()))
    found = [one.decode() for one in team.gather(first_difference(ours, root).encode())]
    others = [rank for rank, difference in enumerate(found) if difference]
    if not others:
        return
    more = f", and {len(others) - 1} more" if len(others) > 1 else ""
    raise CaffeMnistError(
        f"worker {others[0]}{more} of {team.size} trains something else than the root: "
        f"{found[others[0]]}",
        hint="give every machine the same solver, net and data",
    )


def described(solver: Solver) -> dict[str, str]:
    """All that has to be the same, by names in words."""
    found = dict(_fields(solver.param, ""))
    for layer in solver.net.layers:
        where = f"layer {layer.name!r}: "
        found |= dict(_fields(layer.param, where))
        if isinstance(layer, Source) and (extent := layer.extent()):
            found[f"{where}its data"] = extent
    for number, one in enumerate(solver.net.parameters.learnables):
        shape = " ".join(map(str, one.parameter.shape))
        found[f"learnt parameter {number}"] = shape
    return found


def first_difference(ours: dict[str, str], root: dict[str, str]) -> str:
    """In words; empty where there is none."""
    for name in [*root, *ours]:
        here, there = ours.get(name, "absent"), root.get(name, "absent")
        if here != there:
            return f"{name} is {here}, not {there}"
    return ""


def _fields(message: Message, before: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        full = f"{message.DESCRIPTOR.name}.{field.name}"
        if full in LOCAL or full in PATHS:
            continue
        name = f"{before}{field.name}"
        if field.message_type is None:
            values = value if is_repeated(field) else [value]
            yield name, " ".join(f"{one:.7g}" if type(one) is float else f"{one}" for one in values)
        elif is_repeated(field):
            for number, one in enumerate(value):
                yield from _fields(one, f"{name}[{number}].")
        else:
            yield from _fields(value, f"{name}.")
