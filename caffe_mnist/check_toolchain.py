"""Whether compilers for edge chips will take a net: python -m caffe_mnist.check_toolchain."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage
from caffe_mnist.schema.reading_options import add_reading_options, read_as

if TYPE_CHECKING:
    from caffe_mnist.toolchains.facts import Facts
    from caffe_mnist.toolchains.report import Finding

PROGRAM = "python -m caffe_mnist.check_toolchain"
EPILOG = """\
The known refusals of tools that take Caffe's models are tables, each rule with its source; --list
names the tools. The exit status is 1 where something is refused (marked `no`), 0 where all is
taken or depends on more than the files say (marked `?`). Rules about sizes of blobs need the
engine (torch), the others nothing.

examples:
  check_toolchain deploy.prototxt net.caffemodel --for rknn
  check_toolchain deploy.prototxt --for nnie,ti --format markdown
  check_toolchain deploy.prototxt --for all
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 0, 1 where something is refused, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} NET [WEIGHTS] --for TOOLCHAIN[,TOOLCHAIN] [options] | --list",
        description="Known refusals of toolchains that take Caffe's models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("net", nargs="?", metavar="NET", help="a deploy net as prototxt")
    add("weights", nargs="?", metavar="WEIGHTS", help="its caffemodel")
    add("--for", dest="toolchains", action="append", default=[], metavar="TOOLCHAIN",
        help="a name from --list, several with commas, or all; repeatable")  # fmt: skip
    add("--format", choices=("table", "markdown", "json"), default="table", help="default: table")
    add("--list", action="store_true", help="the toolchains there is a table for")
    add_reading_options(parser)
    return exit_status(lambda: _as_read(parser.parse_args(argv)), PROGRAM)


def _as_read(options: argparse.Namespace) -> int:
    with read_as(options, PROGRAM):
        return run(options)


def run(options: argparse.Namespace) -> int:
    """Examine the net for each toolchain, print, and say whether something was refused."""
    from caffe_mnist.toolchains.table import names, read_toolchain

    if options.list:
        for name in names():
            chain = read_toolchain(name)
            print(f"{name:10}  {chain.title}")
            for source in chain.sources.values():
                print(f"{'':10}    {source}")
        return 0
    if options.net is None:
        raise CaffeMnistError("takes a NET", hint=f"{PROGRAM} --help")
    wanted = [name for given in options.toolchains for name in given.split(",") if name]
    if not wanted:
        raise CaffeMnistError("says which toolchain", where="--for", hint=", ".join(names()))
    chains = [read_toolchain(name) for name in (names() if wanted == ["all"] else wanted)]
    from caffe_mnist.toolchains.facts import read_facts
    from caffe_mnist.toolchains.report import examine

    facts = read_facts(Path(options.net), Path(options.weights) if options.weights else None)
    facts.shapes, missing = _shapes(facts)
    found = [one for chain in chains for one in examine(facts, chain)]
    _print(options, found, [(chain.name, chain.title) for chain in chains], missing)
    return 1 if any(one.refused for one in found) else 0


def _shapes(facts: Facts) -> tuple[Mapping[str, tuple[int, ...]], str]:
    """The shapes of all blobs, and why there are none."""
    from caffe_mnist.engine.presence import require_engine

    try:
        require_engine()
        from caffe_mnist.engine.shapes import blob_shapes

        return blob_shapes(facts.written), ""
    except CaffeMnistError as error:
        return {}, str(error)


def _print(
    options: argparse.Namespace,
    found: Sequence[Finding],
    chains: Sequence[tuple[str, str]],
    missing: str,
) -> None:
    from caffe_mnist.toolchains.report import as_json, markdown, table

    if options.format == "json":
        print(json.dumps(as_json(found), indent=1, ensure_ascii=False))
        return
    for place, (name, title) in enumerate(chains):
        own = [one for one in found if one.toolchain == name]
        refused = sum(one.refused for one in own)
        words = f"{refused} refused, {len(own) - refused} to look at" if own else "nothing known"
        if place:
            print()
        print(f"{'## ' if options.format == 'markdown' else ''}{title}: {words}")
        if own:
            print("\n" + (markdown(own) if options.format == "markdown" else table(own)))
    if missing:
        print(f"{PROGRAM}: rules about sizes were left out: {missing}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
