"""Snapshots on the local disk, as Caffe writes them: weights first, then the solver's state."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

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


def _writes(fdinfo: Path) -> bool:
    for line in fdinfo.read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False
