"""The uploader process: keeps the snapshots of a running training safe in a store.

    python -m caffe_mnist.storage.uploader --prefix /model/lenet --to s3://bucket/run

It watches PREFIX_iter_N.caffemodel and .solverstate. A snapshot is taken when both files are
there, have not changed between two looks, and are open for writing by nobody; it is published
once, as `<to>/1`, `<to>/2`, … A failed upload is tried again with growing, jittered pauses.

It ends by itself: on SIGTERM, or when the launcher that holds its standard input is gone, it
waits for the trainer (`--trainer PID`) to end, publishes what is complete, and exits with 0; or
with 1, saying what is not in the store, when that failed for `--drain-timeout` seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, exit_status
from caffe_mnist.storage.owner import OwnedError, Owner
from caffe_mnist.storage.pairs import Pair, being_written, is_cut, pairs
from caffe_mnist.storage.snapshots import ChangedFileError, Published, publish, published, remove
from caffe_mnist.storage.snapshots import sha256 as digest
from caffe_mnist.storage.urls import join

PROGRAM = "python -m caffe_mnist.storage.uploader"
LOOK_EVERY = 1.0
LONGEST_PAUSE = 60.0
# The exit status when another job has taken the place over: do not start it again.
TAKEN_OVER = 3


@dataclass(frozen=True)
class Settings:
    """What to watch, where to put it, and how."""

    prefix: str
    to: str
    every: float = 60.0
    keep: int = 0
    since: float = 0.0
    trainer: int = 0
    drain_timeout: float = 600.0
    report: str | None = None
    owner: str = ""
    above: int = 0


@dataclass
class Uploader:
    """The state of one uploader; `look` is one turn of its loop."""

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    not_before: float = 0.0
    last_published: float = float("-inf")
    _seen: dict[int, Pair] = field(default_factory=dict)
    _done: dict[int, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    _store: list[Published] | None = None
    owner: Owner | None = None

    def pending(self, final: bool = False) -> list[Pair]:
        """Complete snapshots that are not in the store yet; `final`: the trainer has ended."""
        ready = []
        for pair in pairs(self.settings.prefix, self.settings.since):
            if self._done.get(pair.iteration) == pair.marks:
                continue
            before, self._seen[pair.iteration] = self._seen.get(pair.iteration), pair
            settled = final or (before == pair and not being_written(pair))
            if not settled:
                continue
            if is_cut(pair):
                self._done[pair.iteration] = pair.marks
                self._say("cut", f"iteration {pair.iteration} is cut off; not uploaded")
                continue
            ready.append(pair)
        return ready

    def look(self, final: bool = False) -> bool:
        """Publish what is due; True when nothing that is complete is left to publish."""
        ready = self.pending(final)
        if not ready:
            return True
        now = self.clock()
        if now < self.not_before:
            return False
        if not final and now - self.last_published < self.settings.every:
            return False
        for pair in ready:
            if not self._publish(pair):
                return False
        self.last_published = self.clock()
        return True

    def _publish(self, pair: Pair) -> bool:
        try:
            folder = self._folder(pair)
            if folder is not None:
                self._send(pair, folder)
            self._done[pair.iteration] = pair.marks
            self.failures = 0
            self._retain()
            return True
        except OwnedError:
            raise
        except ChangedFileError as error:
            self._say("changed", str(error), iteration=pair.iteration)
            self._seen.pop(pair.iteration, None)
            return True
        except CaffeMnistError as error:
            self.failures += 1
            pause = min(LONGEST_PAUSE, 2.0**self.failures / 2) * random.uniform(0.5, 1.0)
            self.not_before = self.clock() + pause
            self._store = None
            self._say(
                "failed",
                f"iteration {pair.iteration} not uploaded ({error}); next try in {pause:.1f} s",
                iteration=pair.iteration,
            )
            return False

    def _send(self, pair: Pair, folder: str) -> None:
        begun = self.clock()
        if self.owner is not None:
            self.owner.check()
        manifest = publish(join(self.settings.to, folder), pair.files, pair.iteration)
        seconds = self.clock() - begun
        size = sum(file.size for file in manifest.files)
        url = join(self.settings.to, folder)
        self._known().append(Published(folder, url, manifest))
        self._say(
            "published",
            f"iteration {pair.iteration} is safe in {url} ({size / 1e6:.1f} MB, {seconds:.1f} s)",
            iteration=pair.iteration,
            url=url,
            bytes=size,
            seconds=round(seconds, 3),
        )

    def _folder(self, pair: Pair) -> str | None:
        """A new number; None when the store has the very same snapshot already."""
        known = [one for one in self._known() if one.number is not None]
        for one in known:
            same = {file.name: file.sha256 for file in one.manifest.files}
            if one.manifest.iteration == pair.iteration and all(
                same.get(path.name) == digest(path) for path in pair.files
            ):
                return None
        return str(max([self.settings.above, *(one.number or 0 for one in known)]) + 1)

    def _known(self) -> list[Published]:
        if self._store is None:
            self._store = published(self.settings.to)
        return self._store

    def _retain(self) -> None:
        """Remove the oldest numbered snapshots beyond `keep`; the newest always stays."""
        if self.settings.keep < 1:
            return
        numbered = sorted(
            (one for one in self._known() if one.number is not None),
            key=lambda one: one.number or 0,
        )
        for one in numbered[: -self.settings.keep]:
            remove(self.settings.to, one)
            self._known().remove(one)
            text = f"iteration {one.manifest.iteration} removed from {one.url}"
            self._say("removed", text, iteration=one.manifest.iteration)

    def _say(self, event: str, text: str, **more: object) -> None:
        print(f"uploader: {text}", file=sys.stderr, flush=True)
        if self.settings.report:
            line = json.dumps({"time": time.time(), "event": event, "text": text, **more})
            with contextlib.suppress(OSError), open(self.settings.report, "a") as file:
                file.write(line + "\n")


def run(settings: Settings) -> int:
    """Watch until told to stop, then drain; returns the exit status."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopping.append(number))
    os.nice(10)
    uploader, parent = Uploader(settings), os.getppid()
    if settings.owner:
        uploader.owner = Owner(settings.to, settings.owner)
        uploader.owner.start()
    launcher = _Launcher()
    try:
        while not stopping and not launcher.gone(LOOK_EVERY):
            uploader.look()
        while _alive(settings.trainer):
            uploader.look()
            time.sleep(LOOK_EVERY)
            _mark_the_end(uploader.owner, parent)
        _mark_the_end(uploader.owner, parent)
        return _drain(uploader, settings)
    except OwnedError as error:
        uploader._say("taken over", str(error))
        return TAKEN_OVER
    finally:
        if uploader.owner is not None:
            uploader.owner.stop()
            if os.getppid() != parent:  # whoever is last gives the place up
                uploader.owner.release()


def _mark_the_end(owner: Owner | None, parent: int) -> None:
    """Let others know that the launcher is gone, and that only what is left is uploaded."""
    if owner is not None and os.getppid() != parent:
        owner.start(ending=True)


def _drain(uploader: Uploader, settings: Settings) -> int:
    deadline = time.monotonic() + settings.drain_timeout
    while not uploader.look(final=True):
        if time.monotonic() > deadline:
            left = ", ".join(str(pair.iteration) for pair in uploader.pending(final=True))
            uploader._say("gave up", f"not in the store: iteration {left}; still on disk")
            return 1
        time.sleep(0.2)
    return 0


class _Launcher:
    """Whether the process that started us still holds the other end of standard input."""

    def __init__(self) -> None:
        self._watch = not sys.stdin.closed and _is_pipe(sys.stdin.fileno())

    def gone(self, seconds: float) -> bool:
        """Wait so long; True as soon as the launcher is gone."""
        if not self._watch:
            time.sleep(seconds)
            return False
        try:
            ready, _, _ = select.select([0], [], [], seconds)
        except InterruptedError:
            return False
        return bool(ready) and not os.read(0, 1)


def _is_pipe(descriptor: int) -> bool:
    import stat

    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _alive(pid: int) -> bool:
    """Whether process `pid` runs (a dead one that nobody waited for does not)."""
    if pid <= 0:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main(argv: Sequence[str] | None = None) -> int:
    """The uploader as a program."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--prefix", required=True, help="the solver's snapshot_prefix")
    parser.add_argument("--to", required=True, help="the store's folder for this job")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between uploads (60)")
    parser.add_argument("--keep", type=int, default=0, help="snapshots to keep in the store (all)")
    parser.add_argument("--since", type=float, default=0.0, help="ignore files older than this")
    parser.add_argument("--trainer", type=int, default=0, help="process that writes the snapshots")
    parser.add_argument("--drain-timeout", type=float, default=600.0, help="seconds (600)")
    parser.add_argument("--report", help="file to append events to, as JSON lines")
    parser.add_argument(
        "--owner", default="", metavar="RUN", help="stop when owner.json is not RUN's"
    )
    parser.add_argument("--above", type=int, default=0, help="use numbers above this one (0)")
    settings = Settings(**vars(parser.parse_args(argv)))
    return exit_status(lambda: run(settings), PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
