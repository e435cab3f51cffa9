"""The container's `caffe.bin`: the embedded engine, or a real Caffe.

The samples' solver says `solver_mode: GPU`. Where this machine has no GPU, both train on the
CPU: a copy of the solver says so, `-gpu` is left out, and one line tells of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError


def main() -> int:
    """Run `caffe` with our arguments; the first is the path of a real Caffe, or empty."""
    real, words = sys.argv[1], sys.argv[2:]
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        words = for_cpu(words)
    if real:
        sys.stdout.flush()
        os.execv(real, [real, *words])
    sys.argv = ["caffe", *words]
    from caffe_mnist.job.programs import python_line

    os.execv(sys.executable, [sys.executable, "-c", python_line("caffe_mnist.caffe"), *words])


def for_cpu(words: list[str]) -> list[str]:
    """The same call without a GPU. What is wrong in it is left for Caffe to say."""
    rest, changed = [], False
    skip = False
    for number, word in enumerate(words):
        if skip:
            skip = False
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            rest.append(word)
        elif name == "gpu":
            changed, skip = True, not equals
        elif name == "solver":
            path = value if equals else "".join(words[number + 1 : number + 2])
            new = _on_cpu(path)
            changed, skip = changed or new != path, not equals
            rest += ["-solver", new]
        else:
            rest.append(word)
    if changed:
        print("caffe.bin: there is no GPU here: solver_mode is CPU for this run", file=sys.stderr)
    return rest


def _on_cpu(path: str) -> str:
    """The path of a solver on the CPU: itself, or a copy that differs in that."""
    from caffe_mnist.layouts.settings import set_fields
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text

    try:
        solver = read_text(path, caffe_pb2.SolverParameter)
        if solver.solver_mode == caffe_pb2.SolverParameter.CPU:
            return path
        text = set_fields(
            Path(path).read_text(),
            caffe_pb2.SolverParameter.DESCRIPTOR,
            [("solver_mode", "CPU")],
            path,
        )
    except (CaffeMnistError, OSError, UnicodeDecodeError):
        return path
    copy = Path(tempfile.mkdtemp(prefix="solver-", dir=_scratch())) / Path(path).name
    copy.write_text(text)
    return str(copy)


def _scratch() -> str | None:
    """A folder that goes with the container."""
    folder = "/home/work/caffe"
    return folder if os.access(folder, os.W_OK) else None
