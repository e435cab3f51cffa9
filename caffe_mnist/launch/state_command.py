"""`template state FILE…`: solver states that survive a move with their weights.

A `.solverstate` names its weights by the path they had (`learned_net`), and real Caffe looks
nowhere else. Rewritten, it names those that lie beside it; everything else in it stays.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError
from caffe_mnist.schema.packed import read_packed, write_packed

EPILOG = """\
examples:
  template state moved/lenet_iter_5000.solverstate
  template state moved/*.solverstate --relative
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .solverstate")
    parser.add_argument("--weights", metavar="FILE", help="the weights, if they lie elsewhere")
    parser.add_argument(
        "--relative", action="store_true", help="their path from here, not from the root"
    )


def run(options: argparse.Namespace) -> int:
    """Rewrite the states; returns 0. Raises before anything is written."""
    if options.weights and len(options.files) > 1:
        raise CaffeMnistError("is for one state", where="--weights")
    changes, faults = [], []
    for name in options.files:
        try:
            changes.append((name, *_found(Path(name), options.weights)))
        except CaffeMnistError as error:
            faults += error.faults
    if faults:
        raise ManyFaultsError(faults)
    for name, content, weights in changes:
        place = os.path.relpath(weights) if options.relative else os.path.abspath(weights)
        if content.learned_net == place:
            print(f"{name}: names {place} already", file=sys.stderr)
            continue
        content.learned_net = place
        write_packed(name, content)
        print(f"{name}: its weights are {place}", file=sys.stderr)
    return 0


def _found(path: Path, weights: str | None) -> tuple[Any, Path]:
    """What the state holds, and where its weights are."""
    if path.name.endswith(".h5"):
        raise CaffeMnistError(
            "an HDF5 state stays as it is",
            where=path,
            hint="the embedded engine takes the weights beside it; real Caffe needs them at their "
            "old path",
        )
    content = read_packed(path, "SolverState")
    if not content.HasField("iter"):
        raise CaffeMnistError("holds no iteration, so it is no solverstate", where=path)
    beside = path.parent / Path(content.learned_net).name
    place = Path(weights) if weights else beside
    if not place.is_file():
        hint = None if weights else "--weights names another"
        raise CaffeMnistError(f"there are no weights at {place}", where=path, hint=hint)
    return content, place
