"""The folder that the relative paths in published solvers and nets begin in.

Caffe takes such paths from the present folder, and its examples are run from Caffe's own. With a
root the process moves there first; what the command line names and is here stays here.
"""

from __future__ import annotations

import os

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text


def move_to_root(root: str, paths: list[str], solver: str) -> list[str]:
    """Change to `root`, or to $CAFFE_ROOT where only that helps; returns `paths` as seen there.

    The variable counts when the solver (or first path), or a net that the solver names, is not
    here but is there: many have it set for other reasons. Raises CaffeMnistError when `root` is
    no folder.
    """
    if not root:
        root = os.environ.get("CAFFE_ROOT", "")
        if not root or not _helps(root, solver or next(iter(paths), ""), bool(solver)):
            return paths
    if not os.path.isdir(root):
        raise CaffeMnistError("is no folder", where=root, hint="-root names Caffe's own folder")
    seen = [os.path.abspath(path) if path and os.path.exists(path) else path for path in paths]
    os.chdir(root)
    return seen


def _helps(root: str, path: str, is_solver: bool) -> bool:
    if not path:
        return False
    if not os.path.exists(path):
        return _only_there(root, path)
    if not is_solver:
        return False
    param = read_text(path, caffe_pb2.SolverParameter)
    names = [param.net, param.train_net, *param.test_net]
    return any(_only_there(root, name) for name in names if name)


def _only_there(root: str, path: str) -> bool:
    return not os.path.exists(path) and os.path.exists(os.path.join(root, path))
