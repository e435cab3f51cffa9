"""python -m caffe_mnist.train: one training job, from dataset to model in a store."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from caffe_mnist.errors import exit_status

PROGRAM = "python -m caffe_mnist.train"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a job; its exit status is the trainer's, or 130/143 when it was told to stop."""
    return exit_status(lambda: run(argv), PROGRAM)


def run(argv: Sequence[str] | None) -> int:
    """Parse, plan, and run or describe."""
    from caffe_mnist.launch.settings import parse

    settings, notes = parse(argv, PROGRAM)
    for note in notes:
        print(f"train: {note}", file=sys.stderr)
    from caffe_mnist.launch.plan import make_plan
    from caffe_mnist.launch.together import as_started, forget_torchrun

    settings, spare = as_started(settings, os.environ)
    if spare:
        print("train: the first process of this machine starts all its workers", file=sys.stderr)
        return 0
    forget_torchrun(os.environ)
    plan = make_plan(settings)
    if settings.preflight_only:
        from caffe_mnist.launch.plan import say
        from caffe_mnist.launch.preflight import preflight_only
        from caffe_mnist.schema.reading import reading

        with reading(settings.define, settings.lenient):
            return preflight_only(plan, say)
    if settings.dry_run:
        from caffe_mnist.launch.dry_run import describe

        print(describe(plan))
        return 0
    from caffe_mnist.launch.job import run_job

    return run_job(plan)


if __name__ == "__main__":
    sys.exit(main())
