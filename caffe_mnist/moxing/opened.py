"""`File`: a file of this machine or of a store, opened as Python opens files."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from caffe_mnist.moxing.address import where
from caffe_mnist.moxing.envoy import work
from caffe_mnist.moxing.exceptions import MoxFileNotExistsException
from caffe_mnist.moxing.looking import look

MODES = {letter + more for letter in "rwa" for more in ("", "+", "b", "b+")}


class File:
    """Mode r, w or a, each with + and b in any order. Text is UTF-8.

    A file of a store is brought into a temporary one; what is written reaches the store at
    `flush` or `close`. Raises MoxFileNotExistsException where there is nothing to read,
    ValueError for another mode.
    """

    def __init__(self, name: Any, mode: str = "r", **more: Any) -> None:
        """`more` is for `open`: encoding, errors, newline."""
        self.name, self.mode = os.fspath(name), mode
        ordered = "".join(letter for letter in "rwab+" if letter in mode)
        if ordered not in MODES or sorted(ordered) != sorted(mode.replace("t", "")):
            raise ValueError(f"mode {mode!r}: one of r, w, a, each with + and b")
        self._at = where(name)
        self._writes = ordered != "r" and ordered != "rb"
        self._path = ""
        if "b" not in ordered:
            more.setdefault("encoding", "utf-8")
        path = self._fetched(ordered[0]) if self._at.in_store else self._at.place
        try:
            self._file: IO[Any] = open(path, ordered, **more)  # noqa: SIM115
        except FileNotFoundError:
            if ordered[0] != "r":
                raise
            raise MoxFileNotExistsException(f"{self.name}: there is no such file") from None
        except BaseException:
            self._forget()
            raise

    def _fetched(self, letter: str) -> str:
        there = look(self._at).kind == "file" if letter != "w" else False
        if letter == "r" and not there:
            raise MoxFileNotExistsException(f"{self.name}: there is no such file")
        handle, self._path = tempfile.mkstemp(prefix="mox-")
        os.close(handle)
        if there:
            work(self._at.remote, "copying", "copy_file", self._at.place, self._path)
        return self._path

    def _forget(self) -> None:
        if self._path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def read(self, n: int = -1) -> Any:
        """So many bytes or letters, or all that is left."""
        return self._file.read(n)

    def readline(self, size: int = -1) -> Any:
        """The next line."""
        return self._file.readline(size)

    def readlines(self, sizeint: int = -1) -> list[Any]:
        """All lines that are left."""
        return self._file.readlines(sizeint)

    def write(self, data: Any) -> int:
        """Write; returns how much."""
        return self._file.write(data)

    def writelines(self, sequence: Iterable[Any]) -> None:
        """Write one after the other."""
        self._file.writelines(sequence)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cut the file."""
        return self._file.truncate(size)

    def size(self, *_: object, **__: object) -> int:
        """Bytes, with what was written."""
        if self._writes and not self._file.closed:
            self._file.flush()
        return os.path.getsize(self._path or self._at.place)

    def flush(self) -> None:
        """What was written is in the file, or in the store, when this returns."""
        self._file.flush()
        if self._path and self._writes:
            work(self._at.remote, "copying", "put_file", self._path, self._at.place)

    def close(self) -> None:
        """Flush, and be done with the file."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._forget()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._file.closed

    def readable(self) -> bool:
        """Whether the mode lets it be read."""
        return self._file.readable()

    def writable(self) -> bool:
        """Whether the mode lets it be written."""
        return self._file.writable()

    def seekable(self) -> bool:
        """Whether positions can be changed."""
        return self._file.seekable()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __next__(self) -> Any:
        return next(self._file)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
