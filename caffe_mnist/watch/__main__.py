"""Curves of any Caffe's log, live or finished: python -m caffe_mnist.watch LOGFILE|RUN."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.watch"
EPILOG = """\
OUT gets metrics.csv, curves.png and events/, which `tensorboard --logdir` shows. A log that some
process still writes is followed until the training ends; Ctrl-C ends the watch, not the training.

examples:
  watch caffe.INFO
  watch model --out curves
  caffe train -solver solver.prototxt 2>&1 | watch -
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Watch one log; the exit status is 0, 1 for a log without iterations, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Curves, a table and TensorBoard events from a log of Caffe.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("log", metavar="LOGFILE|RUN|-", help="a log, a run's folder, or a pipe")
    parser.add_argument("--out", type=Path, metavar="OUT", help="default: LOGFILE.watch")
    parser.add_argument("--once", action="store_true", help="read what is there, do not follow")

    def command() -> int:
        options = parser.parse_args(argv)
        from caffe_mnist.watch.foreign import watch

        out = watch(options.log, options.out, follow=not options.once)
        print(f"watch: {out}: metrics.csv, curves, events", file=sys.stderr)
        return 0

    return exit_status(command, PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
