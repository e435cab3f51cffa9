"""Snapshots on the local disk, as Caffe writes them: weights first, then the solver's state."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

NAME = re.compile(r"_iter_(\d+)\.(caffemodel|solverstate)(\.h5)?$")


@dataclass(frozen=True)
class Pair:
    """Weights and state of one iteration, with what tells whether they still change."""

    iteration: int
    weights: Path
    state: Path
    marks: tuple[tuple[int, int, int], ...]

    @property
    def files(self) -> list[Path]:
        """Both files."""
        return [self.weights, self.state]


def pairs(prefix: str | os.PathLike[str], since: float = 0.0) -> list[Pair]:
    """The snapshots PREFIX_iter_N of which both files are there, by iteration.

    Only those whose files were both written at `since` (seconds since the epoch) or later.
    """
    path = Path(prefix)
    found: dict[tuple[int, str], dict[str, Path]] = {}
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    for name in names:
        match = NAME.search(name)
        if match and name[: match.start()] == path.name:
            key = (int(match.group(1)), match.group(3) or "")
            found.setdefault(key, {})[match.group(2)] = path.parent / name
    complete = []
    for (iteration, _), files in sorted(found.items()):
        if len(files) == 2:
            pair = _pair(iteration, files["caffemodel"], files["solverstate"])
            if pair is not None and all(mark[2] >= since * 1e9 for mark in pair.marks):
                complete.append(pair)
    return complete


def _pair(iteration: int, weights: Path, state: Path) -> Pair | None:
    marks = []
    for path in (weights, state):
        try:
            status = path.stat()
        except OSError:
            return None
        marks.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return Pair(iteration, weights, state, tuple(marks))


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
    like one and promises more bytes than there are, is no snapshot. Others are left in peace.
    """
    if pair.weights.name.endswith(".h5"):
        return any(mark[1] == 0 for mark in pair.marks)
    try:
        return any(_ends_early(path) for path in pair.files)
    except OSError:
        return True


def _ends_early(path: Path) -> bool:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not file.read(2).startswith((b"\x08", b"\x0a", b"\xa2\x06")):  # iter; name, layer
            return size == 0
        file.seek(0)
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
            file.seek(length, os.SEEK_CUR)
    return False


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
