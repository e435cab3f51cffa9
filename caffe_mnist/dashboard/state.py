"""The state of a run, from the files that its launcher, trainer and uploader write.

Nothing of the run waits for this: the log is followed, and the rest is looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from caffe_mnist.dashboard.curve import Curve
from caffe_mnist.watch.curves import curves
from caffe_mnist.watch.log import Finished
from caffe_mnist.watch.metrics import Metrics
from caffe_mnist.watch.tables import Clock

LOG_LINES = 200
# The newest are listed, the others counted: a page is looked at every second.
MOST_SNAPSHOTS = 100
# What the speed is taken from; the curves remember the rest.
MOST_ROWS = 64
SNAPSHOT = re.compile(r"_iter_(\d+)\.(caffemodel|solverstate)(\.h5)?$")
MAX_ITER = re.compile(r"^max_iter: (\d+)$")
LONGEST_READ = 2**20
# A long log is taken in over several looks, so that the page is there meanwhile.
LONGEST_LOOK = 1.0


@dataclass
class RunState:
    """One run in `folder`, its model folder. `trainer` is its process, 0 if there is none."""

    folder: Path
    trainer: int = 0
    total: int = 0
    store: str = ""
    finished: bool = False
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    _log: BinaryIO | None = None
    _rest: bytes = b""
    _uploads: int = 0
    _safe: dict[int, str] = field(default_factory=dict)
    _seconds: float = 0.0
    _iteration: int = 0
    _grown: dict[str, Curve] = field(default_factory=dict)
    _clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.metrics = Metrics(clock=lambda: self._seconds, heard=self._heard)
        self._grown.clear()

    def look(self) -> None:
        """Take in what is new."""
        self._read_log()
        self._read_uploads()

    def to_dict(self) -> dict[str, Any]:
        """Everything that the page shows."""
        record = self._record()
        iteration, speed = self._iteration, self._speed()
        running = self.running()
        left = max(self.total - iteration, 0)
        status = record.get("status", "running" if running else "")
        if status == "running" and not running:
            status = "finishing" if self.trainer else ""
        if not status:  # a log that no launcher of ours has written
            status = "finished" if self.finished else "unknown"
        if running and self.paused():
            status = "paused"
        snapshots = self._snapshots()
        return {
            "name": self.folder.resolve().name,
            "status": status,
            "trainer": record.get("trainer", ""),
            "notes": record.get("notes", [])[-3:],
            "iteration": self.total if self.finished else iteration,
            "total": self.total,
            "speed": speed,
            "seconds_left": left / speed if speed and left and running else None,
            "results": {name: curve.last for name, curve in self._grown.items()},
            "curves": self._curves(),
            "snapshots": snapshots[:MOST_SNAPSHOTS],
            "snapshots_more": max(0, len(snapshots) - MOST_SNAPSHOTS),
            "store": self.store,
            "log": list(self.lines),
            "can_act": running,
        }

    def running(self) -> bool:
        """Whether the trainer lives."""
        return _state(self.trainer) not in ("", "Z", "X")

    def paused(self) -> bool:
        """Whether the trainer was told to wait."""
        return _state(self.trainer) in ("T", "t")

    def _read_log(self) -> None:
        path = self.folder / "train.log"
        try:
            if self._log is not None and os.fstat(self._log.fileno()).st_ino != path.stat().st_ino:
                self._log.close()
                self._log = None  # the run began anew
            if self._log is None:
                self._log = path.open("rb")
                self._rest = b""
            if path.stat().st_size < self._log.tell():
                self._log.seek(0)
                self.__post_init__()
        except OSError:
            return
        begun = time.monotonic()
        while content := self._read(self._log):
            *lines, self._rest = (self._rest + content).split(b"\n")
            for line in lines:
                self._line(line.decode("utf-8", "replace").rstrip("\r"))
            if time.monotonic() - begun > LONGEST_LOOK:
                return

    def _read(self, log: BinaryIO) -> bytes:
        try:
            return log.read(LONGEST_READ)
        except OSError:
            return b""

    def _heard(self, column: str, iteration: int, value: float) -> None:
        """One value of the log: the curves grow by it, and only the newest rows are kept."""
        rows = self.metrics.rows
        if iteration < self._iteration:  # resumed from a snapshot
            for later in [n for n in rows if n > iteration]:
                del rows[later]
        while len(rows) > MOST_ROWS:
            del rows[next(iter(rows))]
        self._iteration = iteration
        self._grown.setdefault(column, Curve()).add(iteration, value)

    def _line(self, line: str) -> None:
        self.lines.append(line[:1000])
        self._seconds = self._clock.feed(line)
        event = self.metrics.feed(line)
        if isinstance(event, Finished):
            self.finished = not event.early
        if not self.total and (found := MAX_ITER.match(line)):
            self.total = int(found.group(1))

    def _read_uploads(self) -> None:
        try:
            with (self.folder / "uploads.jsonl").open("rb") as file:
                file.seek(self._uploads)
                content = file.read(LONGEST_READ)
        except OSError:
            return
        whole = content.rpartition(b"\n")[0]
        self._uploads += len(whole) + bool(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
                kind, iteration = event["event"], int(event["iteration"])
            except (ValueError, KeyError, TypeError):
                continue
            if kind == "published":
                self._safe[iteration] = str(event.get("url", ""))
            elif kind == "removed":
                self._safe.pop(iteration, None)

    def _record(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _speed(self) -> float | None:
        """Iterations a second, over the last displays: what the log says of one is rough."""
        rows = [(n, row["seconds"]) for n, row in self.metrics.rows.items()][-6:]
        if len(rows) > 1 and rows[-1][1] > rows[0][1]:
            return round((rows[-1][0] - rows[0][0]) / (rows[-1][1] - rows[0][1]), 3)
        said = self._grown.get("iterations_per_second")
        return said.last if said else None

    def _curves(self) -> dict[str, dict[str, list[tuple[int, float]]]]:
        losses, others = curves(self.metrics)
        return {
            "loss": {name: self._points(name) for name in losses},
            "test": {name: self._points(name) for name in others},
            "rate": {"lr": self._points("lr")},
        }

    def _points(self, name: str) -> list[tuple[int, float]]:
        return self._grown[name].points() if name in self._grown else []

    def _snapshots(self) -> list[dict[str, Any]]:
        """Newest first: what is on the disk or in the store, and where; sizes of the newest."""
        files: dict[int, list[str]] = {iteration: [] for iteration in self._safe}
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                if match := SNAPSHOT.search(name):
                    files.setdefault(int(match.group(1)), []).append(name)
        newest = sorted(files, reverse=True)
        return [
            {"iteration": one, "safe": self._safe.get(one), **self._sizes(files[one])}
            for one in newest[:MOST_SNAPSHOTS]
        ] + [{"iteration": one} for one in newest[MOST_SNAPSHOTS:]]

    def _sizes(self, names: list[str]) -> dict[str, Any]:
        found = []
        for name in names:
            with contextlib.suppress(OSError):
                found.append((self.folder / name).stat())
        return {
            "files": len(found),
            "bytes": sum(status.st_size for status in found),
            "time": max((status.st_mtime for status in found), default=0.0),
        }


def _state(pid: int) -> str:
    """The letter of a process' state; empty if there is none."""
    if pid <= 0:
        return ""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
