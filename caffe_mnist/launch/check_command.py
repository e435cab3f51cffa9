"""`template check FILE`: everything that is wrong with a net, or a solver and its nets."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from caffe_mnist.launch.check import PHASES, check_file
from caffe_mnist.launch.checked import Checked, CheckedNet
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.reading import reading
from caffe_mnist.schema.shapes import parse_shape

EPILOG = """\
Text, wiring, paths, and, with the engine installed, the shapes of all layers and what each type
refuses: all faults of all files at once, each with file, line and layer. Exit status 0 where there
is none, 1 where there are, 2 for a file that cannot be read.

examples:
  template check solver.prototxt
  template check train_val.prototxt --input data=64x3x227x227
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file", metavar="FILE", help="a net or a solver")
    parser.add_argument(
        "--input", action="append", default=[], metavar="[BLOB=]NxCxHxW",
        help="the shape of data, where the data are not here; again for more",
    )  # fmt: skip
    parser.add_argument("--level", type=int, default=0, metavar="N", help="the level of a net")
    parser.add_argument("--stage", action="append", default=[], help="a stage; again for more")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print shapes and faults; returns 1 if there are faults."""
    notes: list[str] = []
    with reading(options.define, options.lenient, notes.append):
        inputs = dict(map(parse_shape, options.input))
        state = caffe_pb2.NetState(level=options.level, stage=options.stage)
        checked = check_file(options.file, inputs, data=not options.input, state=state)
    checked.notes[:0] = notes
    if options.json:
        print(json.dumps(asdict(checked), indent=1))
    else:
        print("\n".join(lines(checked, options.file)))
    sys.stdout.flush()
    return 1 if checked.faults else 0


def lines(checked: Checked, path: str) -> list[str]:
    """The report: a table a net, then the faults."""
    found: list[str] = []
    for net in checked.nets:
        found += [*table(net), ""]
    found += [f"note: {note}" for note in checked.notes]
    found += checked.faults
    count = len(checked.faults)
    found.append(f"{path}: {count} fault{'' if count == 1 else 's'}" if count else
                 f"{path}: no fault")  # fmt: skip
    return found


def table(net: CheckedNet) -> list[str]:
    """A line a layer: its name, type, the shapes of its tops, its parameters."""
    rows = [(one.name, one.type, _shapes(one), f"{one.parameters:,}" if one.parameters else "")
            for one in net.layers]  # fmt: skip
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(4)]
    found = [f"{net.path}, {PHASES[net.phase]}"]
    for row in rows:
        cells = [*(text.ljust(width) for text, width in zip(row[:3], widths)),
                 row[3].rjust(widths[3])]  # fmt: skip
        found.append(f"  {'  '.join(cells)}".rstrip())
    if net.parameters or net.blobs:
        found.append(
            f"  {net.parameters:,} parameters ({net.parameters * 4 / 2**20:.1f} MiB), "
            f"blobs {net.blobs / 2**20:.1f} MiB"
        )
    return found


def _shapes(layer: Any) -> str:
    if layer.shapes is None:
        return "?"
    return ", ".join("x".join(map(str, shape)) or "1" for shape in layer.shapes)
