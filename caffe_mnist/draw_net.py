"""The graph of a net as a picture: python -m caffe_mnist.draw_net NET OUT.svg."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage
from caffe_mnist.schema.reading_options import add_reading_options, add_state_options, read_as

if TYPE_CHECKING:
    from caffe_mnist.schema import caffe_pb2

PROGRAM = "python -m caffe_mnist.draw_net"
EPILOG = """\
A box is a layer, with those that work in place on what it makes; lines with an arrow are the
blobs that it makes, with their shapes. OUT ends in .svg or .png (which needs matplotlib); the
graphviz program is not needed.

examples:
  draw_net deploy.prototxt net.svg
  draw_net train_val.prototxt net.png --phase TRAIN --rankdir TB --input 64x3x227x227
"""
PHASES = {"TRAIN": 0, "TEST": 1}
DIRECTIONS = ("LR", "RL", "TB", "BT")


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one net; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Draw the graph of a net.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("net", metavar="NET", help="a net as prototxt")
    parser.add_argument("out", metavar="OUT", help="the picture to write, .svg or .png")
    parser.add_argument(
        "--rankdir", choices=DIRECTIONS, default="LR", help="which way the arrows go; default: LR"
    )
    parser.add_argument(
        "--phase", choices=[*PHASES, "ALL"], default="ALL", help="which layers; default: ALL"
    )
    add_state_options(parser)
    parser.add_argument("--no-shapes", action="store_true", help="do not work out shapes")
    add_reading_options(parser)
    return exit_status(lambda: _as_read(parser.parse_args(argv)), PROGRAM)


def _as_read(options: argparse.Namespace) -> int:
    with read_as(options, PROGRAM):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from caffe_mnist.drawing.graph import graph_of
    from caffe_mnist.drawing.painters import check_ending, paint
    from caffe_mnist.drawing.picture import picture_of
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.filter import filter_net
    from caffe_mnist.schema.messages import read_text
    from caffe_mnist.schema.upgrade import upgrade_net

    check_ending(options.out)
    net = upgrade_net(read_text(options.net, caffe_pb2.NetParameter), options.net)
    net.state.level = options.level
    net.state.stage.extend(options.stage)
    shapes = {} if options.no_shapes else _shapes(net, options)
    if options.phase != "ALL":
        net.state.phase = PHASES[options.phase]  # type: ignore[assignment]
        net = filter_net(net)
    if not net.layer:
        raise CaffeMnistError("has no layers to draw", where=options.net)
    graph = graph_of(net, shapes)
    paint(picture_of(graph, options.rankdir), options.out)
    print(f"{options.out}: {len(net.layer)} layers in {len(graph.nodes)} boxes")
    return 0


def _shapes(
    net: caffe_pb2.NetParameter, options: argparse.Namespace
) -> Mapping[int, Mapping[str, Sequence[int]]]:
    """The shapes of all blobs of the phases that are drawn; a note where they cannot be had."""
    from caffe_mnist.engine.presence import require_engine
    from caffe_mnist.schema.shapes import parse_shape

    given = dict(map(parse_shape, options.input))
    found: dict[int, dict[str, Sequence[int]]] = {}
    notes: dict[str, None] = {}
    for phase in PHASES if options.phase == "ALL" else [options.phase]:
        try:
            require_engine()
            from caffe_mnist.engine.summary import summarise

            cost = summarise(net, PHASES[phase], given)
        except CaffeMnistError as error:
            hint = "" if given or error.hint else " (--input gives the shape of data)"
            notes[f"{error}{hint}"] = None
            continue
        found[PHASES[phase]] = {
            name: shape for layer in cost.layers for name, shape in zip(layer.tops, layer.shapes)
        }
    for note in notes:
        print(f"{PROGRAM}: no shapes: {note}", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
