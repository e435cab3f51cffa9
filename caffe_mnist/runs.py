"""All runs in one table, local and in stores: python -m caffe_mnist.runs list|show|diff|best."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.runs"
EPILOG = """\
PLACE is a folder or a store's URL; every run below it is found by its run.json. RUN is the place
of one run, or its identity as `list` shows it (the beginning will do).

examples:
  runs list . s3://bucket/experiments
  runs show store/final
  runs diff model store2
  runs best s3://bucket/experiments --metric test0_accuracy --top 3
  predict $(python -m caffe_mnist.runs best experiments --place) seven.png
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was asked for; exit status 1 for a store that fails, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="What was run, with which settings, on what, and what came of it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="all runs, oldest first")
    best = commands.add_parser("best", help="the run with the best result")
    for one in (listing, best):
        one_line_usage(one)
        one.add_argument("places", nargs="*", default=["."], metavar="PLACE", help="(.)")
        one.add_argument("--metric", default="", metavar="M", help="test0_accuracy, loss, …")
        one.add_argument("--all", action="store_true", help="all settings of the solvers")
        form = one.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true", help="for programs")
        form.add_argument("--markdown", action="store_true", help="for documents")
        form.add_argument("--json", action="store_true", help="the records themselves")
        if one is best:
            form.add_argument("--place", action="store_true", help="only where it lies")
    listing.add_argument("--status", metavar="S", help="succeeded, failed, stopped, running, …")
    best.add_argument("--top", type=_count, default=1, metavar="N", help="the N best (1)")
    show = commands.add_parser("show", help="all about one run, its curves too")
    diff = commands.add_parser("diff", help="what differs between two runs")
    show.add_argument("run", metavar="RUN")
    diff.add_argument("run", metavar="RUN")
    diff.add_argument("other", metavar="OTHER")
    for one in (show, diff):
        one_line_usage(one)
        one.add_argument("--in", dest="within", action="append", metavar="PLACE",
                         help="where runs are looked for by identity (.)")  # fmt: skip
    show.add_argument("--json", action="store_true", help="the record itself")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """One of the four."""
    if options.command == "show":
        return _show(options)
    if options.command == "diff":
        return _diff(options)
    from caffe_mnist.trials.runs_found import find_runs
    from caffe_mnist.trials.runs_told import ranked, runs_table

    found, remarks = find_runs(options.places)
    for remark in remarks:
        print(f"{PROGRAM}: {remark}", file=sys.stderr)
    if options.command == "list" and options.status:
        found = [one for one in found if one.record.get("status") == options.status]
    if not found:
        raise CaffeMnistError(
            "there are no runs", where=", ".join(options.places),
            hint="a run is a folder with a run.json, as `train` makes it",
        )  # fmt: skip
    if options.command == "best":
        found = ranked(found, options.metric)[: options.top]
        if options.place:
            print("\n".join(one.place for one in found))
            return 0
    if options.json:
        print(json.dumps([{"place": one.place, **one.record} for one in found], indent=1))
        return 0
    told = runs_table(found, options.metric, options.all)
    if options.csv or options.markdown:
        print(told.csv() if options.csv else told.markdown(), end="")
    else:
        print("\n".join(told.lines()))
    return 0


def _show(options: argparse.Namespace) -> int:
    from caffe_mnist.trials.runs_found import one_run
    from caffe_mnist.trials.runs_told import shown_run

    found = one_run(options.run, options.within or ["."])
    if options.json:
        print(json.dumps({"place": found.place, **found.record}, indent=1))
    else:
        print("\n".join(shown_run(found)))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from caffe_mnist.trials.runs_found import one_run
    from caffe_mnist.trials.runs_told import differences

    within = options.within or ["."]
    told = differences(one_run(options.run, within), one_run(options.other, within))
    print("\n".join(told.lines()) if told.rows else "no difference in settings, data and results")
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
