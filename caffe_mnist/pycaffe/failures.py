"""Failures as pycaffe's users expect them: RuntimeError and its family."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from caffe_mnist.errors import CaffeMnistError


class CaffeError(CaffeMnistError, RuntimeError):
    """What Caffe refuses; where real Caffe would end the process, this is raised instead."""


@contextmanager
def caffe_errors() -> Iterator[None]:
    """Turn the engine's failures into CaffeError; also a decorator (`@caffe_errors()`)."""
    try:
        yield
    except CaffeError:
        raise
    except CaffeMnistError as error:
        raise CaffeError(error.what, where=error.where, hint=error.hint) from error


def check_file(path: str | os.PathLike[str]) -> str:
    """The path as text; raises CaffeError with Caffe's words unless it can be opened."""
    name = os.fspath(path)
    if not os.access(name, os.R_OK) or os.path.isdir(name):
        raise CaffeError(f"Could not open file {name}")
    return name
