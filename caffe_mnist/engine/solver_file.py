"""Reading a solver file, with what Caffe does to it on the way."""

from __future__ import annotations

import os

from caffe_mnist.engine.glog import info, warning
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.upgrade_solver import upgrade_solver


def read_solver(path: str) -> caffe_pb2.SolverParameter:
    """The solver of `path`, with its old type upgraded and its snapshot prefix made whole.

    A solver without snapshot_prefix gets its own path without the ending; a prefix that is a folder
    gets the solver's name appended.
    """
    solver = read_text(path, caffe_pb2.SolverParameter)
    _upgrade(solver, path)
    stem = os.path.splitext(path)[0]
    if not solver.HasField("snapshot_prefix"):
        solver.snapshot_prefix = stem
        what = f"snapshot_prefix was not specified and is set to {stem}"
        info("upgrade_proto.cpp:1108", what)
    elif os.path.isdir(solver.snapshot_prefix):
        solver.snapshot_prefix = os.path.join(solver.snapshot_prefix, os.path.basename(stem))
        what = f"snapshot_prefix was a directory and is replaced to {solver.snapshot_prefix}"
        info("upgrade_proto.cpp:1113", what)
    return solver


def _upgrade(solver: caffe_pb2.SolverParameter, path: str) -> None:
    """Today's `type` for the old enum, as Caffe's log tells it."""
    old = "deprecated 'solver_type' field (enum)"
    found = solver.HasField("solver_type")
    if found:
        what = f"Attempting to upgrade input file specified using {old}': {path}"
        info("upgrade_proto.cpp:1084", what)
    upgrade_solver(solver, path)
    if found:
        what = f"Successfully upgraded file specified using {old} to 'type' field (string)."
        info("upgrade_proto.cpp:1091", what)
        warning(
            "upgrade_proto.cpp:1093",
            "Note that future Caffe releases will only support 'type' field (string) "
            "for a solver's type.",
        )
