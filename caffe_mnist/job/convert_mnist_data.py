"""Caffe's `convert_mnist_data`: `[--backend=lmdb] IMAGES LABELS DB`, over our converter."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from caffe_mnist.errors import CaffeMnistError, exit_status

PROGRAM = "convert_mnist_data"
USAGE = f"usage: {PROGRAM} [--backend=lmdb] IMAGES LABELS DB"


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one pair of files; returns the exit status. The target must not be there."""
    words = list(sys.argv[1:] if argv is None else argv)
    return exit_status(lambda: _convert(words), PROGRAM)


def _convert(words: list[str]) -> int:
    from caffe_mnist.datasets.conversion import convert

    backend, files = "lmdb", []
    rest = iter(words)
    for word in rest:
        flag = re.fullmatch(r"--?([a-z_]+)(?:=(.*))?", word)
        if flag is None:
            files.append(word)
        elif flag[1] == "backend":
            backend = next(rest, "") if flag[2] is None else flag[2]
        elif flag[1] not in ("logtostderr", "alsologtostderr"):
            raise CaffeMnistError(f"unknown flag {word}", hint=USAGE)
    if backend != "lmdb":
        raise CaffeMnistError(f"--backend {backend}: only lmdb is written", hint=USAGE)
    if len(files) != 3:
        print(USAGE)
        return 0  # as Caffe's own
    count = convert(*files)
    print(f"{files[2]}: {count} records", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
