"""python -m caffe_mnist.template: prototxts with the paths of another machine or container."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, exit_status

PROGRAM = "python -m caffe_mnist.template"
EPILOG = """\
A solver brings the nets that it names along. Each path gets the folder of its role and keeps
its own last name; --map goes before. Comments, order and formatting stay as they are.

examples:
  template prototxt/lenet/lenet_solver.prototxt --layout modelarts --out build
  template solver.prototxt --data /mnt/lmdb --model /tmp/out --set max_iter=2000 --out build
  template solver.prototxt --map /old/data=/new/data --in-place
  template solver.prototxt --layout local --check
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite prototxts; returns 0, 1 if --check found something missing, 2 for bad input."""
    arguments = _parser().parse_args(argv)
    return exit_status(lambda: run(arguments), PROGRAM)


def run(arguments: argparse.Namespace) -> int:
    """Do what the parsed `arguments` say."""
    from caffe_mnist.layouts.layout import find_layout
    from caffe_mnist.layouts.rewrite import nets_of, read_prototxt, rewrite, write_texts
    from caffe_mnist.layouts.rules import Rules, parse_map, parse_setting

    folders = {}
    if arguments.layout:
        folders = Rules.of_layout(find_layout(arguments.layout), arguments.data_path_suffix).folders
    for role in ("code", "data", "model"):
        if getattr(arguments, role) is not None:
            folders[role] = getattr(arguments, role)
    settings = [parse_setting(text) for text in arguments.set]
    if arguments.solver_mode:
        settings.append(("solver_mode", arguments.solver_mode))
    rules = Rules(folders, tuple(map(parse_map, arguments.map)), tuple(settings))

    paths = list(map(Path, arguments.files))
    sources, faults = {}, []
    while paths:
        path = paths.pop(0)
        if path in sources:
            continue
        try:
            sources[path] = read_prototxt(path)
            if sources[path].is_solver:
                paths += nets_of(sources[path])
        except CaffeMnistError as error:
            faults.append(str(error))
    if faults:
        for fault in faults:
            for line in fault.split("; "):
                print(f"{PROGRAM}: error: {line}", file=sys.stderr)
        return 2
    if settings and not any(source.is_solver for source in sources.values()):
        raise CaffeMnistError("a net has no solver settings", where="--set, --solver-mode")
    texts = {path: rewrite(source, rules) for path, source in sources.items()}
    if arguments.in_place:
        for path, text in texts.items():
            write_texts({path.name: text}, path.parent)
    elif arguments.out:
        _refuse_same_names(texts)
        write_texts({path.name: text for path, text in texts.items()}, Path(arguments.out))
    elif not arguments.check:
        sys.stdout.write("".join(texts[path] for path in map(Path, arguments.files)))
    return _check(texts) if arguments.check else 0


def _check(texts: dict[Path, str]) -> int:
    """Say which paths of the new texts do not exist; 1 if any."""
    from caffe_mnist.layouts.rewrite import NET, SOLVER, Prototxt
    from caffe_mnist.schema.prototxt import examine, parse

    missing = 0
    for path, text in texts.items():
        kind = min((NET, SOLVER), key=lambda kind: len(examine(text, kind)[1]))
        result = Prototxt(os.fspath(path), text, kind, parse(text, kind, path))
        for item in result.paths():
            for piece in filter(None, item.value.split(",")):
                wanted = os.path.dirname(piece) or "." if item.written else piece
                if not os.path.exists(wanted):
                    missing += 1
                    name = item.field.split(".")[1]
                    print(f"{result.at(item.start)}: {name}: {wanted} does not exist")
    if not missing:
        print("every path exists")
    return 1 if missing else 0


def _refuse_same_names(texts: dict[Path, str]) -> None:
    names = [path.name for path in texts]
    for name in names:
        if names.count(name) > 1:
            raise CaffeMnistError(f"two files are called {name}; name them apart", where="--out")


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
        help="set a field of the solver, e.g. max_iter=2000 (again for more)",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="say which paths do not exist (exit status 1)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
