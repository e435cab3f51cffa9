"""Snapshots on the local disk, as Caffe writes them: weights first, then the solver's state.

Whether a file is of this run is told by its mark (inode, bytes, ns of its last change) and the
marks of what was there before. Clocks jump, so no time is compared with a clock.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

NAME = re.compile(r"_iter_(\d+)\.(caffemodel|solverstate)(\.h5)?$")
HDF5 = b"\x89HDF\r\n\x1a\n"
CURRENT_STEP = 4  # the number of the field that Caffe writes last into every solver state
Mark = tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """Weights and state of one iteration, with what tells whether they still change."""

    iteration: int
    weights: Path
    state: Path
    marks: tuple[Mark, ...]

    @property
    def files(self) -> list[Path]:
        """Both files."""
        return [self.weights, self.state]


def pairs(
    prefix: str | os.PathLike[str], since: float = 0.0, earlier: frozenset[Mark] = frozenset()
) -> list[Pair]:
    """The snapshots PREFIX_iter_N of which both files are there, by iteration.

    Only those of which neither file is one of `earlier`, and both were written at `since`
    (seconds since the epoch) or later.
    """
    found: dict[tuple[int, str], dict[str, Path]] = {}
    for path, match in _files(prefix):
        key = (int(match.group(1)), match.group(3) or "")
        found.setdefault(key, {})[match.group(2)] = path
    complete = []
    for (iteration, _), files in sorted(found.items()):
        if len(files) == 2:
            pair = _pair(iteration, files["caffemodel"], files["solverstate"])
            if pair is None or any(mark in earlier for mark in pair.marks):
                continue
            if all(mark[2] >= since * 1e9 for mark in pair.marks):
                complete.append(pair)
    return complete


def marks_of(prefix: str | os.PathLike[str]) -> frozenset[Mark]:
    """The marks of all files of snapshots that are there now."""
    found = (_mark(path) for path, _ in _files(prefix))
    return frozenset(mark for mark in found if mark is not None)


def write_marks(path: Path, marks: frozenset[Mark]) -> None:
    """Keep marks in a file, for the uploader's `--earlier`."""
    with replacing(path) as aside:
        aside.write_text(json.dumps(sorted(marks)) + "\n")


def read_marks(path: str | os.PathLike[str]) -> frozenset[Mark]:
    """What `write_marks` wrote; raises CaffeMnistError for anything else."""
    try:
        found = json.loads(Path(path).read_bytes())
        return frozenset((int(inode), int(size), int(time)) for inode, size, time in found)
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    except (ValueError, TypeError, RecursionError):
        raise CaffeMnistError("is no list of marks of files", where=path) from None


def _files(prefix: str | os.PathLike[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    path = Path(prefix)
    try:
        names = os.listdir(path.parent)
    except OSError:
        return
    for name in names:
        match = NAME.search(name)
        if match and name[: match.start()] == path.name:
            yield path.parent / name, match


def _pair(iteration: int, weights: Path, state: Path) -> Pair | None:
    marks = (_mark(weights), _mark(state))
    if marks[0] is None or marks[1] is None:
        return None
    return Pair(iteration, weights, state, (marks[0], marks[1]))


def _mark(path: Path) -> Mark | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def being_written(pair: Pair) -> bool:
    """Whether some process of ours has one of the files open for writing (as far as seen)."""
    wanted = {mark[0] for mark in pair.marks}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                if descriptor.stat().st_ino not in wanted:
                    continue
                if _writes(process / "fdinfo" / descriptor.name):
                    return True
            except OSError:
                continue
    return False


def is_cut(pair: Pair) -> bool:
    """Whether one of the files evidently ends too early: its writer was killed, the disk full.

    Caffe's binary files are a sequence of (key, length, bytes); one that is empty, or begins
    like one and promises more bytes than there are, is no snapshot; nor is a solver state
    without its last field (current_step, which Caffe always writes). An HDF5 file says in its
    first bytes where it ends. Others are left in peace. Raises OSError.
    """
    if pair.weights.name.endswith(".h5"):
        return any(_hdf5_ends_early(path) for path in pair.files)
    return _ends_early(pair.weights) or _ends_early(pair.state, CURRENT_STEP)


def _hdf5_ends_early(path: Path) -> bool:
    """By the superblock: its version at byte 8, the file's end after the sizes and addresses."""
    with path.open("rb") as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(64)
    if len(head) < 64 or not head.startswith(HDF5):
        return True
    place = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8])
    return place is not None and int.from_bytes(head[place : place + 8], "little") > size


def _ends_early(path: Path, last_field: int = 0) -> bool:
    """Whether a field is cut, or no field has the number `last_field` or a higher one."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not file.read(2).startswith((b"\x08", b"\x0a", b"\xa2\x06")):  # iter; name, layer
            return size == 0
        file.seek(0)
        highest = 0
        while file.tell() < size:
            key = _varint(file)
            kind = None if key is None else key & 7
            if kind == 0:
                length = None if _varint(file) is None else 0
            elif kind == 2:
                length = _varint(file)
            else:
                length = {None: None, 1: 8, 5: 4}.get(kind, 0)
                if kind in (3, 4, 6, 7):
                    return False
            if length is None or file.tell() + length > size:
                return True
            highest = max(highest, (key or 0) >> 3)
            file.seek(length, os.SEEK_CUR)
    return highest < last_field


def _varint(file: BinaryIO) -> int | None:
    """A number of protobuf's, seven bits a byte; None at the end of the file."""
    value, shift = 0, 0
    while byte := file.read(1):
        value |= (byte[0] & 127) << shift
        if byte[0] < 128 or shift > 56:
            return value
        shift += 7
    return None


def _writes(fdinfo: Path) -> bool:
    for line in fdinfo.read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False
