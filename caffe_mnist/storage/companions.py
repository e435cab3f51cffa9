"""The processes that an uploader lives with: the launcher that started it, and the trainer."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from pathlib import Path


class Launcher:
    """Whoever holds the other end of our standard input, if that is a pipe; else our parent."""

    def __init__(self, pid: int = 0) -> None:
        """`pid` is the launcher's; without it, our parent's (which may be gone already)."""
        self._parent = pid or os.getppid()
        self._watch = _is_pipe()

    @property
    def has_left(self) -> bool:
        """Whether the process that started us is gone (it may also just have closed the pipe)."""
        return os.getppid() != self._parent

    def gone(self, seconds: float) -> bool:
        """Wait so long; True as soon as the pipe is closed, which asks us to end."""
        if not self._watch:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([0], [], [], seconds)
        return bool(ready) and not os.read(0, 1)


class Trainer:
    """The process that writes the snapshots; 0 for one that is not known."""

    def __init__(self, pid: int) -> None:
        self._place = Path(f"/proc/{pid}/stat") if pid > 0 else None
        self._begun = self._state()[1]

    def runs(self) -> bool:
        """Whether it is alive: no other process of its number, and none that is only waited for."""
        state, begun = self._state()
        return state not in ("", "Z", "X") and begun == self._begun

    def _state(self) -> tuple[str, str]:
        """Its state's letter and when it began (fields 3 and 22 of proc(5)); empty if gone."""
        if self._place is None:
            return "", ""
        try:
            fields = self._place.read_text().rpartition(")")[2].split()
        except OSError:
            return "", ""
        return fields[0], fields[19]


def _is_pipe() -> bool:
    try:
        return not sys.stdin.closed and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return False
