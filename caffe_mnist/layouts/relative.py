"""Relative paths seen from the folder of the solver, where Caffe sees them from the present one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from caffe_mnist.layouts.source import Prototxt

Exact = tuple[tuple[str, str], ...]


def seen_from_solver(sources: Sequence[Prototxt], always: bool) -> Exact:
    """Relative data and model paths, each with what it is from the solver's folder.

    The solver is the first source, or a net without one. `always`: whether they begin there in
    any case; otherwise only those that are not here, but are there.
    """
    folder = os.path.dirname(sources[0].path) if sources else ""
    found = {}
    for item in (item for source in sources for item in source.paths()):
        old = item.value
        if item.role == "code" or not old or os.path.isabs(old) or not folder:
            continue
        new = os.path.join(folder, old)
        if always or (not _is_there(old, item.written) and _is_there(new, item.written)):
            found[old] = new
    return tuple(found.items())


def _is_there(path: str, written: bool) -> bool:
    return os.path.exists((os.path.dirname(path) or ".") if written else path)
