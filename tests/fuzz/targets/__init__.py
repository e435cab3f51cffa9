"""What is fuzzed: a file a format, with `seeds()`, valid files, and `run(data)`.

`run` gives one file's bytes to every reader of the format and to the commands that take one. It
works in the current folder, which is empty, and returns or raises CaffeMnistError; whatever else
happens (another exception, the end of the process, endless time or memory) is a fault.
`tests/fuzz/` feeds it with hypothesis, `scripts/fuzz.py` with atheris.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError

STATUSES = (0, 1, 2)


def names() -> list[str]:
    """The names of all targets."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Any:
    """The module of one target."""
    return importlib.import_module(f"{__name__}.{name}")


def command(main: Callable[[Sequence[str]], int], *arguments: str) -> int:
    """Run a command; its status is 0, 1 or 2, and bad input is lines, not a traceback."""
    said, nothing = io.StringIO(), io.TextIOWrapper(io.BytesIO(), errors="surrogateescape")
    with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(said):
        status = main(list(arguments))
    assert status in STATUSES, f"exit status {status}"
    assert "Traceback" not in said.getvalue(), said.getvalue()
    return status


def each(*readers: Callable[[], object]) -> None:
    """Call every reader; if any refuses, raise what all of these said."""
    faults: list[str] = []
    for reader in readers:
        try:
            reader()
        except CaffeMnistError as error:
            faults += error.faults or ["nothing is said"]
    if faults:
        raise ManyFaultsError(faults)
