"""What an upload reads: pieces that can be had again for another attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

# A piece, and the least size of a part of a large object: the smallest that S3 allows, for then
# a slow link has the least to bring over in one request's time.
BLOCK = 5 * 2**20

Content = Callable[[], Iterable[bytes]]


class FileContent:
    """The content of an open file; `sha256` is that of what was read last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._digest.hexdigest()

    def __call__(self) -> Iterator[bytes]:
        """From the start of the file to its end, as they are now."""
        self._file.seek(0)
        self._digest = hashlib.sha256()
        while block := self._file.read(BLOCK):
            self._digest.update(block)
            yield block


def ahead(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    """The pieces, each made in a thread of its own while the one before is used.

    So reading and hashing take no time from sending; and the library, which cannot be called
    while it asks for the next piece, may be what makes the pieces.
    """
    source = iter(pieces)
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, source, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, source, None)
            yield piece
