"""The options of commands that read prototxts: with which variables, and how strictly."""

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


@contextmanager
def read_as(options: argparse.Namespace, program: str) -> Iterator[None]:
    """Within it prototxts are read as `options` say; `program` reports unknown fields."""
    from caffe_mnist.schema.reading import reading

    def report(text: str) -> None:
        print(f"{program}: {text}", file=sys.stderr)

    with reading(options.define, options.lenient, report):
        yield
