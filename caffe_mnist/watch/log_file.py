"""A log on disk, plain or packed by gzip as log rotation leaves it."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from caffe_mnist.errors import CaffeMnistError

MAGIC = b"\x1f\x8b"


@contextmanager
def log_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The bytes of the log at `path`; within it, what cannot be read or written raises
    CaffeMnistError."""
    try:
        with open(path, "rb") as file:
            if file.peek(2)[:2] != MAGIC:  # a pipe, too, can be looked into
                yield file
                return
            with gzip.GzipFile(fileobj=file) as content:
                yield cast("BinaryIO", content)
    except (EOFError, zlib.error) as error:
        raise CaffeMnistError(f"is cut short or broken: {error}", where=path) from None
    except OSError as error:
        what = f"cannot use: {error.strerror or error}"
        raise CaffeMnistError(what, where=error.filename or path) from None


def log_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of the log at `path`; raises CaffeMnistError for what cannot be read."""
    with log_file(path) as file:
        yield from io.TextIOWrapper(file, encoding="utf-8", errors="replace")
