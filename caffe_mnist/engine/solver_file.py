"""Reading a solver file, with what Caffe does to it on the way."""

from __future__ import annotations

import os

from caffe_mnist.engine.glog import info
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.upgrade_solver import upgrade_solver


def read_solver(path: str) -> caffe_pb2.SolverParameter:
    """The solver of `path`, with its old type upgraded and its snapshot prefix made whole.

    An empty snapshot_prefix becomes the solver's path without its ending; one that is a folder
    gets the solver's name appended.
    """
    solver = read_text(path, caffe_pb2.SolverParameter)
    upgrade_solver(solver, path)
    stem = os.path.splitext(path)[0]
    if not solver.snapshot_prefix:
        solver.snapshot_prefix = stem
        what = f"snapshot_prefix was not specified and is set to {stem}"
        info("upgrade_proto.cpp:1108", what)
    elif os.path.isdir(solver.snapshot_prefix):
        solver.snapshot_prefix = os.path.join(solver.snapshot_prefix, os.path.basename(stem))
        what = f"snapshot_prefix was a directory and is replaced to {solver.snapshot_prefix}"
        info("upgrade_proto.cpp:1113", what)
    return solver
