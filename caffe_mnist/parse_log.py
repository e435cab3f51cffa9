"""Caffe's log as CSV and as a picture: python -m caffe_mnist.parse_log LOG OUT_DIR."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.watch.metrics import Metrics

PROGRAM = "python -m caffe_mnist.parse_log"
EPILOG = """\
Writes OUT_DIR/LOG.train and OUT_DIR/LOG.test, with the columns of Caffe's own parse_log.py:
NumIters, Seconds, LearningRate and one for each output. Logs of real Caffe and of the embedded
engine are read alike.

examples:
  parse_log caffe.log .
  parse_log caffe.log tables --plot curves.png
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse one log; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Turn a log of Caffe into tables of its train and test outputs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("log", metavar="LOG", help="what `caffe train` wrote to standard error")
    parser.add_argument("out", metavar="OUT_DIR", help="folder for the tables; made if missing")
    parser.add_argument("--delimiter", default=",", metavar="C", help="between columns; ','")
    parser.add_argument("--plot", metavar="PNG", help="draw the curves, too (needs matplotlib)")
    return exit_status(lambda: _run(parser.parse_args(argv)), PROGRAM)


def _run(options: argparse.Namespace) -> int:
    if len(options.delimiter) != 1 or options.delimiter in '\r\n"':
        raise CaffeMnistError(f"--delimiter {options.delimiter!r} is not one character")
    from caffe_mnist.files import replacing
    from caffe_mnist.watch.log_file import log_lines
    from caffe_mnist.watch.metrics import Metrics
    from caffe_mnist.watch.tables import LogTables

    found, metrics = LogTables(), Metrics()
    for line in log_lines(options.log):
        found.feed(line)
        if options.plot:
            metrics.feed(line)
    if found.iteration is None:
        raise CaffeMnistError("holds no iteration of a training", where=options.log)
    folder = Path(options.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=folder) from None
    for phase, table in (("train", found.train), ("test", found.test)):
        path = folder / f"{os.path.basename(options.log)}.{phase}"
        with replacing(path) as aside:
            aside.write_text(table.to_csv(options.delimiter), encoding="utf-8")
        print(f"{path}: {len(table.rows)} rows")
    if options.plot:
        _plot(metrics, options.plot, os.path.basename(options.log))
    return 0


def _plot(metrics: Metrics, path: str, title: str) -> None:
    from caffe_mnist.watch.curves import draw

    if not draw(metrics, path, title):
        raise CaffeMnistError(
            "drawing curves needs matplotlib", hint="pip install 'caffe-mnist[images]'"
        )
    print(f"{path}: drawn")


if __name__ == "__main__":
    sys.exit(main())
