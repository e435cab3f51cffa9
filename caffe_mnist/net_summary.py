"""What a net costs, layer by layer: python -m caffe_mnist.net_summary NET."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage
from caffe_mnist.schema.reading_options import add_reading_options, add_state_options, read_as

if TYPE_CHECKING:
    from caffe_mnist.engine.summary import LayerCost, NetCost

PROGRAM = "python -m caffe_mnist.net_summary"
EPILOG = """\
Multiply-adds are those of products with weights in one forward pass of the batch (Convolution,
Deconvolution, InnerProduct, LSTM, RNN). Memory is that of the blobs, 4 bytes a number, without
gradients; what works in place makes none. A data layer is asked for its first record, unless
--input gives the shape.

examples:
  net_summary deploy.prototxt
  net_summary train_val.prototxt --input 64x3x227x227
  net_summary train_val.prototxt --phase TEST --input data=10x3x227x227 --json
"""
HEAD = ("layer", "type", "output", "parameters", "multiply-adds", "memory")
PHASES = {"TRAIN": 0, "TEST": 1}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of one net; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Shapes, parameters, multiply-adds and memory of every layer of a net.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("net", metavar="NET", help="a net as prototxt")
    parser.add_argument("--phase", choices=list(PHASES), default="TRAIN", help="default: TRAIN")
    add_state_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_reading_options(parser)
    return exit_status(lambda: _as_read(parser.parse_args(argv)), PROGRAM)


def _as_read(options: argparse.Namespace) -> int:
    with read_as(options, PROGRAM):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from caffe_mnist.engine.presence import require_engine
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text
    from caffe_mnist.schema.shapes import parse_shape

    shapes = dict(map(parse_shape, options.input))
    net = read_text(options.net, caffe_pb2.NetParameter)
    net.state.level = options.level
    net.state.stage.extend(options.stage)
    require_engine()
    from caffe_mnist.engine.summary import summarise

    try:
        cost = summarise(net, PHASES[options.phase], shapes)
    except CaffeMnistError as error:
        of_data = not shapes and not (error.where or "layer").startswith("layer")
        hint = "--input gives a shape in the place of data" if of_data else error.hint
        what = str(CaffeMnistError(error.what, where=error.where))
        raise CaffeMnistError(what, where=options.net, hint=hint) from None
    if not cost.layers:
        raise CaffeMnistError(f"has no layers in phase {options.phase}", where=options.net)
    if options.json:
        print(json.dumps(as_json(cost, options.phase), indent=1))
    else:
        print("\n".join(table(cost, options.phase)))
    return 0


def table(cost: NetCost, phase: str) -> list[str]:
    """The lines of the table and its totals."""
    rows = [HEAD, *map(_row, cost.layers)]
    rows.append(("total", "", "", _count(cost.parameters), _count(cost.multiply_adds),
                 _size(cost.memory)))  # fmt: skip
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = []
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:3], widths)]
        right = [text.rjust(width) for text, width in zip(row[3:], widths[3:])]
        lines.append("  ".join([*left, *right]).rstrip())
    rule = "-" * max(map(len, lines))
    each = cost.multiply_adds / max(cost.batch, 1)
    return [
        f"{cost.name or 'net'} ({phase}), batch of {cost.batch}",
        lines[0],
        rule,
        *lines[1:-1],
        rule,
        lines[-1],
        f"parameters: {_count(cost.parameters)} ({_size(4 * cost.parameters)})",
        f"multiply-adds: {_count(cost.multiply_adds)} a pass, {_count(round(each))} an item",
        f"blobs: {_size(cost.memory)}, with their gradients {_size(2 * cost.memory)}",
    ]


def as_json(cost: NetCost, phase: str) -> dict[str, Any]:
    """The whole as plain values; sizes in bytes."""
    return {
        "name": cost.name,
        "phase": phase,
        "batch": cost.batch,
        "layers": [vars(layer) for layer in cost.layers],
        "total": {
            "parameters": cost.parameters,
            "parameter_bytes": 4 * cost.parameters,
            "multiply_adds": cost.multiply_adds,
            "multiply_adds_per_item": cost.multiply_adds / max(cost.batch, 1),
            "memory": cost.memory,
        },
    }


def _row(layer: LayerCost) -> tuple[str, ...]:
    shapes = ", ".join("x".join(map(str, shape)) or "1" for shape in layer.shapes)
    shared = "" if layer.own_parameters == layer.parameters else " shared"
    return (
        layer.name,
        layer.type,
        shapes,
        (_count(layer.parameters) if layer.parameters else "-") + shared,
        _count(layer.multiply_adds) if layer.multiply_adds else "-",
        _size(layer.memory) if layer.memory else "-",
    )


def _count(number: int) -> str:
    return f"{number:,}"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


if __name__ == "__main__":
    sys.exit(main())
