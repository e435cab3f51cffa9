"""What is known of an unfinished conversion, so that a later run can go on with it.

Beside the database NAME to be stand, until it is complete and the caller forgets them:

    .NAME.part/       the database as far as it is
    .NAME.journal     lines of JSON: first what is converted and how (a digest), then for each
                      transaction, *before* it is committed, the pictures that it ends with
    .NAME.sums.npy    now and then: the sums of all pixels, and how many records are in them

What the database holds is the truth: after a kill the journal is at most one line ahead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from caffe_mnist.datasets.pictures.listing import Decoding, Listing
from caffe_mnist.errors import CaffeMnistError

VERSION = 1
Shape = tuple[int, int, int]


class Line(NamedTuple):
    """What one transaction adds: the fields of `Done` up to the picture `following`."""

    following: int
    records: int
    skipped: list[tuple[int, str]]
    sizes: list[tuple[int, int, int]]
    shapes: list[Shape]


@dataclass
class Done:
    """How far a conversion is: pictures before `following` are records, or skipped.

    `sizes` are counts of height and width before resizing, `shapes` the first two different
    C × H × W of the records.
    """

    following: int = 0
    records: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)
    complete: bool = False

    def add(self, line: Line) -> None:
        """Count a transaction."""
        self.following = line.following
        self.records += line.records
        self.skipped.update(line.skipped)
        for height, width, count in line.sizes:
            self.sizes[height, width] = self.sizes.get((height, width), 0) + count
        for channels, height, width in line.shapes:
            shape = (channels, height, width)
            if len(self.shapes) < 2 and shape not in self.shapes:
                self.shapes.append(shape)


class Journal:
    """The journal of the conversion of `listing` into the database `out`, locked.

    Raises CaffeMnistError while another process writes the same database.
    """

    def __init__(self, out: str, listing: Listing, decoding: Decoding) -> None:
        self.part, self.path, self.sums = places(out)
        self._out = out
        self._digest = digest(listing, decoding)
        try:
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - held as the lock
        except OSError as error:
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=out) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise CaffeMnistError("another process is writing it", where=out) from None
        except OSError:
            pass  # a file system without locks

    def close(self) -> None:
        """Let go of the lock."""
        self._file.close()

    def begin(self) -> None:
        """Begin anew: what an earlier run left is removed."""
        remove_folder(self.part)
        _remove(self.sums)
        self._file.truncate(0)
        self._write({"version": VERSION, "digest": self._digest})

    def note(self, line: Line) -> None:
        """Write down a transaction that is about to be committed."""
        self._write(line._asdict())

    def complete(self, identity: int | None) -> None:
        """The database is whole; `identity` tells its file from any other."""
        self._write({"complete": identity})

    def resume(self, records: int | None, identity: int | None = None) -> Done | None:
        """How far the earlier run came, whose database holds so many records.

        With `records` None it left no unfinished database: it may have finished the one of the
        given identity. None when it left nothing. Raises CaffeMnistError when it had other
        pictures or options, and when the journal does not fit the database.
        """
        done, kept = None, 0
        for line, end in self._lines():
            if done is None:
                self._check(line)
                done = Done()
            elif "complete" in line:
                done.complete = identity == line["complete"]
            elif records is not None and done.records + line["records"] > records:
                break  # it was never committed
            else:
                done.add(Line(**line))
            kept = end
        if done is not None and records is not None and done.records != records:
            self._refuse(f"{records} records stand there, and {done.records} in the journal")
        self._file.truncate(kept)
        return done

    def _check(self, line: dict[str, Any]) -> None:
        if line.get("version") != VERSION or line.get("digest") != self._digest:
            self._refuse("the pictures or the options are not those of the earlier run")

    def _refuse(self, reason: str) -> NoReturn:
        raise CaffeMnistError(
            f"cannot go on: {reason}", where=self._out, hint="without --resume it begins anew"
        )

    def _write(self, content: dict[str, Any]) -> None:
        line = json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=self._out) from None

    def _lines(self) -> Iterator[tuple[dict[str, Any], int]]:
        """The whole lines, each with where it ends in the file."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            end += len(line)
            if line.endswith(b"\n"):
                yield json.loads(line), end


def places(out: str) -> tuple[str, str, str]:
    """The database in the making, the journal and the sums, of the database `out`."""
    folder, name = os.path.split(out)
    start = os.path.join(folder, f".{name[:200]}")
    return f"{start}.part", f"{start}.journal", f"{start}.sums.npy"


def digest(listing: Listing, decoding: Decoding) -> str:
    """A digest of which pictures become records, and how."""
    found = hashlib.sha256(repr((listing.root, listing.first, decoding)).encode("utf-8", "replace"))
    entries = iter(listing.entries)
    while some := list(islice(entries, 4096)):
        found.update(repr(some).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def forget(out: str | os.PathLike[str]) -> None:
    """Remove the journal of a conversion into `out` when all that follows from it is written."""
    part, journal, sums = places(os.path.realpath(out))
    remove_folder(part)
    _remove(sums)
    _remove(journal)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def remove_folder(path: str) -> None:
    """Remove a flat folder, if it is there."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
