"""Relative paths in solvers and nets that are not here: looked for in the solver's folder.

Caffe sees them from the present folder. What is not there and is beside the solver is taken there,
and said; with `-paths_from solver` all of them begin there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from caffe_mnist.schema.paths import LISTS, PATHS, SOURCES, WRITTEN
from caffe_mnist.schema.sources import with_paths
from caffe_mnist.schema.values import is_repeated, kind_of


def settle_paths(message: Any, folder: str, always: bool, report: Callable[[str], object]) -> None:
    """Change the paths of a solver or net in place; `report` is told of each that was found."""
    if not folder:
        return

    def change(field: str) -> Callable[[str], str]:
        def seen(old: str) -> str:
            if not old.strip() or os.path.isabs(old):
                return old
            new, written = os.path.join(folder, old), field in WRITTEN
            if always:
                return new
            if _is_there(old, written) or not _is_there(new, written):
                return old
            report(f"{field.split('.')[1]}: {old} is not here, taken beside the solver: {new}")
            return new

        return seen

    _walk(message, change)


def _walk(message: Any, change: Callable[[str], Callable[[str], str]]) -> None:
    for declared, value in message.ListFields():
        kind, name = kind_of(declared), f"{message.DESCRIPTOR.name}.{declared.name}"
        if kind == "message":
            for one in value if is_repeated(declared) else [value]:
                _walk(one, change)
        elif name in PATHS and is_repeated(declared):
            value[:] = [_changed(name, one, change(name)) for one in value]
        elif name in PATHS:
            setattr(message, declared.name, _changed(name, value, change(name)))


def _changed(name: str, value: str, change: Callable[[str], str]) -> str:
    if name in SOURCES:
        return with_paths(value, change)
    if name in LISTS:
        return ",".join(change(one.strip()) for one in value.split(","))
    return change(value)


def _is_there(path: str, written: bool) -> bool:
    return os.path.exists((os.path.dirname(path) or ".") if written else path)
