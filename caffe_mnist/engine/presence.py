"""Whether the engine's libraries are there, for commands that need it."""

from __future__ import annotations

import sys

from caffe_mnist.errors import CaffeMnistError


def require_engine() -> None:
    """Raise CaffeMnistError, saying how to install it, where torch is missing."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        if error.name != "torch":
            raise
        raise CaffeMnistError(
            "the embedded engine needs torch", hint="pip install 'caffe-mnist[engine]'"
        ) from None


def require_engine_of_script(program: str) -> None:
    """The same for a package that is imported, where that is an ImportError.

    Where the package is run by `python -m`, which imports it before any `main`, one line tells,
    and the program ends.
    """
    try:
        require_engine()
    except CaffeMnistError as error:
        if sys.argv[:1] != ["-m"]:
            raise ImportError(str(error), name="torch") from None
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.exit(error.status)
