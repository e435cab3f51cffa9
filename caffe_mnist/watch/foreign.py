"""Any Caffe's log, running or finished: its values as a table, as events and as a picture."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from caffe_mnist.errors import JobError
from caffe_mnist.files import open_for_writing
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.curves import draw
from caffe_mnist.watch.events import Events
from caffe_mnist.watch.log import Display, Finished, Testing, from_head
from caffe_mnist.watch.log_file import log_file
from caffe_mnist.watch.metrics import Metrics
from caffe_mnist.watch.tables import TIME, Clock

LOOK_EVERY = 0.3
MAX_ITER = re.compile(r"^max_iter: (\d+)$")
# A line longer than this is no line of a log.
LONGEST_LINE = 2**20


@dataclass
class LogWatch:
    """Reads one log to its end and keeps the files in `out` up to date."""

    name: str
    out: Path
    write_every: float = 5.0
    total: int = 0
    finished: bool = False
    _clock: Clock = field(default_factory=Clock)
    _seconds: float = 0.0
    _wall: float = field(default_factory=time.time)
    _rest: bytes = b""
    _said: int = -1
    _written: float = float("-inf")
    _bar: Bar | None = None

    def __post_init__(self) -> None:
        self.events = Events(self.out / "events", wall_clock=lambda: self._wall)
        self.metrics = Metrics(clock=lambda: self._seconds, heard=self.events.value)

    def read(self, chunks: Iterable[bytes], year: int | None = None) -> None:
        """Take in the pieces of a log; an empty piece is a pause.

        `year` is that of the lines, which do not say it. Raises JobError if there was no
        iteration in it, and CaffeMnistError where the files cannot be written.
        """
        for chunk in chunks:
            self._take(chunk, year)
            if not chunk:
                if self.finished:
                    break
                self._write_now_and_then()
        self._line(self._rest, year)
        self.close()

    def close(self) -> None:
        """Write everything a last time."""
        if self._bar is not None:
            self._bar.close(self.finished)
        self._say()
        self._write()
        self.events.close()
        if not self.metrics.rows:
            raise JobError("holds no iteration of a training", where=self.name)

    def _take(self, content: bytes, year: int | None) -> None:
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._line(line, year)
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""

    def _line(self, content: bytes, year: int | None) -> None:
        line = from_head(content.decode("utf-8", "replace").rstrip("\r"))
        self._seconds = self._clock.feed(line)
        self._wall = _wall(line, year) or self._wall
        if found := MAX_ITER.match(line):
            self.total = int(found.group(1))
        event = self.metrics.feed(line)
        if isinstance(event, Finished):
            self.finished = True
        elif isinstance(event, Display) or (isinstance(event, Testing) and not event.net):
            self._say(before=event.iteration + isinstance(event, Display))
        if self._bar is None and self.metrics.rows and sys.stderr.isatty():
            self._bar = Bar(self.total or sys.maxsize)
        if self._bar is not None and event is not None:
            self._bar.show(line, event)

    def _say(self, before: int = sys.maxsize) -> None:
        """Where there is no terminal: a line for the last test before an iteration."""
        tested = [n for n, row in self.metrics.rows.items() if n < before and _outputs(row)]
        latest = max(tested, default=-1)
        if self._bar is None and latest > self._said:
            self._said = latest
            values = _outputs(self.metrics.rows[latest])
            text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            print(f"iteration {latest}: {text}", file=sys.stderr, flush=True)

    def _write_now_and_then(self) -> None:
        if time.monotonic() - self._written > self.write_every and self.metrics.rows:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if self.metrics.rows:
            self.out.mkdir(parents=True, exist_ok=True)
            self.metrics.write(self.out / "metrics.csv")
            draw(self.metrics, self.out / "curves.png", self.name)


def watch(log: str, out: Path | None = None, follow: bool = True) -> Path:
    """Read the log at `log` (a file, a run's folder, or - for standard input); returns `out`.

    With `follow`, a log that some process still writes is followed until the training ends.
    Raises CaffeMnistError for what is no log.
    """
    if log == "-":
        out = out or Path("watch")
        LogWatch("standard input", out).read(iter(lambda: os.read(0, 2**16), b""))
        return out
    path = Path(log)
    if path.is_dir():
        path = path / "train.log"
    out = out or path.with_name(path.name + ".watch")
    with log_file(path) as file:
        year = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime).year
        alive = (lambda: open_for_writing(path)) if follow else (lambda: False)
        LogWatch(os.fspath(path), out).read(_followed(file, alive), year)
    return out


def _followed(file: BinaryIO, alive: Callable[[], bool]) -> Iterator[bytes]:
    """The content of a file that grows as long as it is `alive`; b"" for each pause."""
    while True:
        last = not alive()  # asked before reading: what was written until then is read
        yield from iter(lambda: file.read(2**20), b"")
        if last:
            return
        yield b""
        time.sleep(LOOK_EVERY)


def _outputs(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name.startswith("test")}


def _wall(line: str, year: int | None) -> float | None:
    """The time of a line, in seconds since the epoch."""
    match = TIME.match(line)
    if match is None or year is None:
        return None
    try:
        month, day, hour, minute, second = (int(part) for part in match.groups()[:5])
        return datetime(year, month, day, hour, minute, second).timestamp() + float(f"0.{match[6]}")
    except ValueError:
        return None
