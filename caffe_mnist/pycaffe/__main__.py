"""python -m caffe_mnist.pycaffe: run a pycaffe script with this package as its `caffe`."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

USAGE = """\
usage: python -m caffe_mnist.pycaffe [--root DIR] SCRIPT [ARGUMENTS ...]
       python -m caffe_mnist.pycaffe [--root DIR] -m MODULE [ARGUMENTS ...]

Run a script (or module) in which `import caffe` finds caffe_mnist.pycaffe.

  --root DIR   start in this folder: relative paths in nets are relative to it (default:
               the present folder, or $CAFFE_ROOT where only that has what the words name)
"""
PROGRAM = "python -m caffe_mnist.pycaffe"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; its exit status is the program's, its failures keep their traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    root = None
    if words[:1] == ["--root"] and len(words) > 1:
        root, words = words[1], words[2:]
    elif words and words[0].startswith("--root="):
        root, words = words[0].partition("=")[2], words[1:]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    as_module = words[0] == "-m"
    if as_module:
        words = words[1:]
    if not words or (words[0].startswith("-") and not as_module):
        return _fail(f"names no script: {' '.join(words) or 'nothing given'}")
    if root is None:
        root = _root_that_helps(words)
    if root is not None and not os.path.isdir(root):
        return _fail(f"--root {root}: there is no such folder")
    here = Path(words[0]).absolute()
    script = here if root is None or here.is_file() else Path(root).absolute() / words[0]
    if not as_module and not script.is_file():
        return _fail(f"{words[0]}: there is no such script")
    if root is not None:
        os.chdir(root)
    from caffe_mnist.pycaffe.install import install

    install()
    sys.argv = words
    if as_module:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        # As `python SCRIPT` has it: the script's folder, in place of the one we came from.
        sys.path.insert(0, str(script.parent))
        runpy.run_path(words[0] if root is None else str(script), run_name="__main__")
    return 0


def _root_that_helps(words: Sequence[str]) -> str | None:
    """$CAFFE_ROOT, if it has a file that a word names and the present folder has not."""
    root = os.environ.get("CAFFE_ROOT")
    if not root:
        return None
    missing = [word for word in words if word and not os.path.exists(word)]
    return root if any(os.path.isfile(os.path.join(root, word)) for word in missing) else None


def _fail(what: str) -> int:
    print(f"{PROGRAM}: error: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
