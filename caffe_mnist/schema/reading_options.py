"""The options of commands that read prototxts: with which variables, how strictly, and what of a
net.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Let `parser` know --define and --lenient."""
    parser.add_argument(
        "--define", action="append", default=[], metavar="NAME=VALUE",
        help="the value of ${NAME}, before the environment's; again for more",
    )  # fmt: skip
    parser.add_argument(
        "--lenient", action="store_true", help="keep and report fields that Caffe does not know"
    )


def add_state_options(parser: argparse.ArgumentParser) -> None:
    """Let `parser` know the level and stages whose layers are wanted, and shapes of inputs."""
    parser.add_argument("--level", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument(
        "--input", action="append", default=[], metavar="[BLOB=]NxCxHxW",
        help="the shape of an input or of data, by default of the first one; repeatable",
    )  # fmt: skip


@contextmanager
def read_as(options: argparse.Namespace, program: str) -> Iterator[None]:
    """Within it prototxts are read as `options` say; `program` reports unknown fields."""
    from caffe_mnist.schema.reading import reading

    def report(text: str) -> None:
        print(f"{program}: {text}", file=sys.stderr)

    with reading(options.define, options.lenient, report):
        yield
