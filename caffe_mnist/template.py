"""python -m caffe_mnist.template: prototxts with the paths of another machine or container."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage
from caffe_mnist.schema.reading_options import add_reading_options, read_as

if TYPE_CHECKING:
    from caffe_mnist.layouts.rules import Rules
    from caffe_mnist.layouts.source import Prototxt

PROGRAM = "python -m caffe_mnist.template"
COMMANDS = {
    "deploy": "The deploy net of a net that trains: pictures in, scores out.",
    "check": "Say where and why a net, or a solver and its nets, are wrong, before anything runs.",
    "state": "Let solver states name the weights that lie beside them.",
}
EPILOG = """\
A solver brings the nets that it names along. Each path gets the folder of its role and keeps
its own last name; --map goes before. Comments, order and formatting stay as they are.

commands:
  template deploy NET     the deploy net of a net that trains
  template check FILE     everything that is wrong with a net, or a solver and its nets; shapes
  template state FILE…    solver states find their weights again after a move

examples:
  template prototxt/lenet/lenet_solver.prototxt --layout modelarts --out build
  template solver.prototxt --data /mnt/lmdb --model /tmp/out --set max_iter=2000 --out build
  template solver.prototxt --set 'layer[conv1].convolution_param.num_output=30' --out build
  template solver.prototxt --map /old/data=/new/data --in-place
  template solver.prototxt --check
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite prototxts; returns 0, 1 if --check found something missing, 2 for bad input.

    Its commands (`deploy`, `check`, `state`) return 1 for what they find wrong.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] and words[0] in COMMANDS:
        return exit_status(lambda: _command(words[0], words[1:]), PROGRAM)
    arguments = _parser().parse_args(words)
    return exit_status(lambda: _run_as_read(arguments), PROGRAM)


def _command(name: str, words: Sequence[str]) -> int:
    """One of the commands, each in a file of its own."""
    module = importlib.import_module(f"caffe_mnist.launch.{name}_command")
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=COMMANDS[name],
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    module.add_arguments(parser)
    if name != "state":
        add_reading_options(parser)
    status: int = module.run(parser.parse_args(words))
    return status


def _run_as_read(arguments: argparse.Namespace) -> int:
    with read_as(arguments, "template"):
        return run(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Do what the parsed `arguments` say."""
    from caffe_mnist.layouts.rewrite import settle, with_nets

    rules, writes = _rules(arguments), bool(arguments.out or arguments.in_place)
    if len(arguments.files) > 1 and not writes and not arguments.check:
        raise CaffeMnistError("several files need --out DIR or --in-place", where="FILE")
    paths = list(map(Path, arguments.files))
    sources = with_nets(paths, rules.settings, missing=not writes)
    if arguments.paths_from == "solver":
        from caffe_mnist.layouts.relative import seen_from_solver

        rules = replace(rules, exact=(*rules.exact, *seen_from_solver(sources, always=True)))
    rules = settle(sources, _with_places(rules, sources, arguments))
    texts = {Path(source.path): source.with_paths(rules) for source in sources}
    if writes:
        texts = _write(texts, arguments.out)
    elif not arguments.check:
        _say(texts[paths[0]])
    return _check(texts) if arguments.check else 0


def _rules(arguments: argparse.Namespace) -> Rules:
    from caffe_mnist.layouts.layout import find_layout
    from caffe_mnist.layouts.rules import Rules, parse_map, parse_setting

    folders = {}
    if arguments.data_path_suffix is not None and not arguments.layout:
        raise CaffeMnistError("is for a layout", where="--data-path-suffix", hint="--layout NAME")
    if arguments.layout:
        layout = find_layout(arguments.layout)
        folders = Rules.of_layout(layout, arguments.data_path_suffix).folders
    for role in ("code", "data", "model"):
        if getattr(arguments, role) is not None:
            folders[role] = getattr(arguments, role)
    settings = [parse_setting(text) for text in arguments.set]
    if arguments.solver_mode:
        settings.append(("solver_mode", arguments.solver_mode))
    return Rules(folders, tuple(map(parse_map, arguments.map)), tuple(settings))


def _with_places(rules: Rules, sources: Sequence[Prototxt], arguments: argparse.Namespace) -> Rules:
    """The rules for nets where no code folder is given: they are named where they will be."""
    from caffe_mnist.layouts.rewrite import places_of_nets

    if rules.folders.get("code"):
        return rules
    if arguments.out:
        return replace(rules, folders={**rules.folders, "code": arguments.out})
    if "code" not in rules.folders:
        return rules
    places = [places_of_nets(one, missing=True) for one in sources if one.is_solver]
    exact = tuple((name, str(path)) for found in places for name, path in found.items())
    return replace(rules, exact=exact)


def _write(texts: dict[Path, str], out: str | None) -> dict[Path, str]:
    """Write to the folder `out`, or over the files themselves; returns what is where."""
    from caffe_mnist.layouts.rewrite import by_name, replace_texts, write_texts

    if out is None:
        replace_texts({Path(os.path.realpath(path)): text for path, text in texts.items()})
        return texts
    named = by_name(texts)
    for name in named:
        if os.path.realpath(os.path.join(out, name)) in map(os.path.realpath, texts):
            raise CaffeMnistError(
                "would overwrite what it is made of",
                where=os.path.join(out, name),
                hint="--in-place, or another --out",
            )
    write_texts(named, Path(out))
    return {Path(out) / name: text for name, text in named.items()}


def _check(texts: dict[Path, str]) -> int:
    """Say which paths of the new texts do not exist; 1 if any."""
    from caffe_mnist.layouts.source import prototxt

    missing = 0
    for path, text in texts.items():
        result = prototxt(path, text)
        for item in result.paths():
            wanted = (os.path.dirname(item.value) or ".") if item.written else item.value
            if item.value and not os.path.exists(wanted):
                missing += 1
                name = item.field.split(".")[1]
                _say(f"{result.at(item.start)}: {name}: {wanted} does not exist\n")
    if not missing:
        _say("every path exists\n")
    return 1 if missing else 0


def _say(text: str) -> None:
    """To standard output, bytes that are no UTF-8 as they are."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Rewrite the paths in solvers and nets for another layout.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a solver or net prototxt")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", metavar="DIR", help="write there (default: standard output)")
    target.add_argument("--in-place", action="store_true", help="replace the files themselves")
    parser.add_argument("--layout", help="modelarts, local, sagemaker, or a TOML file of your own")
    parser.add_argument(
        "--data-path-suffix", "--data_path_suffix", metavar="NAME",
        help="last folder of the code's URL (modelarts)",
    )  # fmt: skip
    for role, what in (("code", "nets"), ("data", "databases and means"), ("model", "snapshots")):
        parser.add_argument(f"--{role}", metavar="DIR", help=f"folder for {what}")
    parser.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW",
        help="replace the beginning of paths (again for more; the longest goes first)",
    )  # fmt: skip
    parser.add_argument("--solver-mode", choices=["CPU", "GPU"], help="set solver_mode")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="set a field, e.g. max_iter=2000 (again for more)",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="say which paths do not exist (exit status 1)"
    )
    parser.add_argument(
        "--paths-from", choices=["cwd", "solver"], default="cwd",
        help="where relative paths begin: the present folder, as in Caffe, or the solver's",
    )  # fmt: skip
    add_reading_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
