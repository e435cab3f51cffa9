"""A process that gives cases to targets: python -m tests.fuzz.worker SPARE_MIB.

A case comes on standard input as a line `TARGET LENGTH` and the bytes, and is answered by a line
of JSON: {"refused": line} for a CaffeMnistError, {"fault": traceback}, or {} for a case that was
taken. Address space is limited to what the process has after its imports, and SPARE_MIB more.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from caffe_mnist.errors import CaffeMnistError
from tests.fuzz import targets


def main() -> None:
    """Answer cases until standard input ends."""
    # Forked children of commands must not hold what the test reads from.
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    cases = os.fdopen(os.dup(0), "rb")
    os.dup2(nowhere, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
        os.chdir(folder)
        serve(cases, answers, int(sys.argv[1]) << 20)


def serve(cases: BinaryIO, answers: TextIO, spare: int) -> None:
    """Read, run, answer."""
    ready = set()
    while head := cases.readline().split():
        name, data = head[0].decode(), cases.read(int(head[1]))
        if name not in ready:
            ready.add(name)
            warm_up(name)
            limit_memory(spare)
        print(json.dumps(answer(name, data)), file=answers, flush=True)


def answer(name: str, data: bytes) -> dict[str, str]:
    """What becomes of one case."""
    try:
        line = attempt(targets.load(name), data)
    except BaseException:
        return {"fault": traceback.format_exc()}
    return {} if line is None else {"refused": line}


def attempt(target: Any, data: bytes) -> str | None:
    """The line that one case is refused with, None if it is taken; the folder is empty again."""
    try:
        target.run(data)
        return None
    except CaffeMnistError as error:
        return str(error)
    finally:
        for path in Path().iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def warm_up(name: str) -> None:
    """Import all that the target uses, by one valid case, before memory is limited."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    answer(name, targets.load(name).seeds()[0])


def limit_memory(spare: int) -> None:
    """Let the address space grow by `spare` bytes from here."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
