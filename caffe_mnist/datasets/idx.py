"""IDX files, the format of MNIST, plain or compressed with gzip.

The bytes in order, all numbers big-endian and unsigned:

    00 00      always
    08         the type of the values: unsigned bytes (no other is read here)
    D          how many dimensions: 1 for labels, 3 for images
    D x 4      the size of each dimension: count; or count, rows, columns
    ...        the values, row by row; nothing after them

A plain file's length is checked against its header before anything is read; a compressed one is
read in pieces, so that no header, however wrong, makes us take memory.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    from io import BufferedReader
    from typing import IO, BinaryIO

TYPES = {0x08: "unsigned bytes", 0x09: "signed bytes", 0x0B: "16-bit integers"}
TYPES.update({0x0C: "32-bit integers", 0x0D: "floats", 0x0E: "doubles"})
CONTENTS = {1: "labels", 3: "images"}

# How much is asked of a file at once: what a header promises is no reason to allocate it.
PIECE = 1 << 20

# protobuf's limit for one message, less the other fields of a Datum.
LARGEST_IMAGE = 2**31 - 64


class IdxFile:
    """An IDX file of bytes, opened for reading its items in order.

    `count` items of `shape` (rows and columns of an image; empty for a label), `size` bytes
    each. Raises CaffeMnistError for a file that is no IDX file of `dimensions` dimensions, one
    that holds nothing, and one whose length is not what its header promises; for a compressed
    file the last comes while reading.
    """

    def __init__(self, path: str | os.PathLike[str], dimensions: int) -> None:
        self.path = os.fspath(path)
        self._raw = _open(self.path)
        self._file: BinaryIO = self._raw
        try:
            self.compressed = self._raw.peek(2)[:2] == b"\x1f\x8b"
            if self.compressed:
                self._file = _decompressed(self._raw)
            elif self.path.endswith(".gz"):
                raise CaffeMnistError("not gzip, whatever its name says", where=self.path)
            self.start = 4 + 4 * dimensions
            self.count, *self.shape = self._header(dimensions)
            self.size = 1
            for side in self.shape:
                self.size *= side
            self._check_sizes(CONTENTS[dimensions])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> IdxFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def read(self, items: int) -> bytes:
        """The bytes of the next `items` items; raises CaffeMnistError when they end early."""
        wanted = items * self.size
        found = self._read(min(wanted, PIECE))
        if len(found) == wanted:
            return found
        pieces, length = [found], len(found)
        while length < wanted:
            found = self._read(min(wanted - length, PIECE))
            if not found:
                raise CaffeMnistError(
                    f"truncated: the header promises {self.count} items of {self.size} bytes, "
                    "and the file ends before them",
                    where=self.path,
                )
            pieces.append(found)
            length += len(found)
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise CaffeMnistError if bytes follow the last item, or their checksum is wrong."""
        if self._read(1):
            raise CaffeMnistError(
                f"more bytes than the {self.count} items that the header promises",
                where=self.path,
            )

    @contextlib.contextmanager
    def seekable(self, spool: str | None = None) -> Iterator[tuple[int, int]]:
        """A descriptor for `os.pread` and the offset in it of the first item.

        A file that cannot be read at any place is for this unpacked to an unnamed file in the
        folder `spool`; nothing may have been read from it before.
        """
        if not self.compressed and self._regular():
            yield self._raw.fileno(), self.start
            return
        with self._unpacked(spool) as file:
            yield file.fileno(), 0

    def _unpacked(self, spool: str | None) -> IO[bytes]:
        """An unnamed file of all items, without the header."""
        import tempfile

        try:
            file = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115
            for _ in range(self.count):
                file.write(self.read(1))
            file.flush()
        except OSError as error:
            where = spool or tempfile.gettempdir()
            raise CaffeMnistError(f"cannot unpack to it: {error.strerror}", where=where) from None
        self.finish()
        return file

    def _header(self, dimensions: int) -> list[int]:
        """The sizes of the dimensions, after the magic number was found right."""
        header = self._read(self.start)
        if len(header) >= 4:
            self._check_magic(header, dimensions)
        if len(header) < self.start:
            raise CaffeMnistError(
                f"truncated: {len(header)} bytes, and the header alone has {self.start}",
                where=self.path,
            )
        return [int.from_bytes(header[at : at + 4], "big") for at in range(4, self.start, 4)]

    def _check_magic(self, header: bytes, dimensions: int) -> None:
        zeros, kind, found = header[:2], header[2], header[3]
        wanted = CONTENTS[dimensions]
        if zeros != b"\0\0" or kind not in TYPES:
            raise CaffeMnistError(
                f"not an IDX file: it begins with {header[:4].hex(' ')}, not 00 00 08 0"
                f"{dimensions}",
                where=self.path,
            )
        if kind != 0x08:
            raise CaffeMnistError(f"{TYPES[kind]}, not {TYPES[0x08]}", where=self.path)
        if found != dimensions:
            content = CONTENTS.get(found, f"{found} dimensions")
            swapped = "are IMAGES and LABELS swapped?" if found in CONTENTS else None
            raise CaffeMnistError(
                f"an IDX file of {content}, not of {wanted}", where=self.path, hint=swapped
            )

    def _check_sizes(self, content: str) -> None:
        if not self.count or not self.size:
            sizes = " x ".join(map(str, [self.count, *self.shape]))
            raise CaffeMnistError(f"no {content}: the header says {sizes}", where=self.path)
        if self.size > LARGEST_IMAGE:
            raise CaffeMnistError(
                f"images of {self.size} bytes, too large for a record", where=self.path
            )
        if self.compressed or not self._regular():
            return
        found = os.fstat(self._raw.fileno()).st_size
        promised = self.start + self.count * self.size
        if found != promised:
            what = "truncated" if found < promised else "more bytes than promised"
            raise CaffeMnistError(
                f"{what}: {found} bytes where {self.count} {content} need {promised}",
                where=self.path,
            )

    def _regular(self) -> bool:
        """Whether this is a file on a disk, not a pipe."""
        return stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode)

    def _read(self, size: int) -> bytes:
        if not self.compressed:
            try:
                return self._file.read(size)
            except OSError as error:
                raise CaffeMnistError(f"cannot read: {error.strerror}", where=self.path) from None
        import zlib

        try:
            return self._file.read(size)
        except EOFError:
            what = "truncated: the gzip data ends in the middle"
        except (OSError, zlib.error) as error:
            foreign = str(error).startswith("Not a gzipped file")
            what = "damaged gzip data: "
            what += "bytes of something else follow it" if foreign else str(error)
        raise CaffeMnistError(what, where=self.path)


def _open(path: str) -> BufferedReader:
    try:
        file = open(path, "rb")  # noqa: SIM115
        file.peek(2)
        return file
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None


def _decompressed(file: BufferedReader) -> BinaryIO:
    import gzip

    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))
