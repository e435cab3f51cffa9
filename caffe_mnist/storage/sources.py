"""What an upload reads: pieces that can be had again for another attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

# A piece, and the least size of a part of a large object: the smallest that S3 allows, for then
# a slow link has the least to bring over in one request's time.
BLOCK = 5 * 2**20

Content = Callable[[], Iterable[bytes]]


class FileContent:
    """The content of an open file, one piece read and hashed ahead; `sha256` of the last time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read last, in hexadecimal."""
        return self._digest.hexdigest()

    def __call__(self) -> Iterator[bytes]:
        """From the start of the file to its end, as they are now."""
        self._file.seek(0)
        self._digest = hashlib.sha256()
        block = self._read()
        if len(block) < BLOCK:
            if block:
                yield block
            return
        with ThreadPoolExecutor(1) as pool:
            while block:
                ahead = pool.submit(self._read)
                yield block
                block = ahead.result()

    def _read(self) -> bytes:
        block = self._file.read(BLOCK)
        self._digest.update(block)
        return block
