"""The uploader process: keeps the snapshots of a running training safe in a store.

    python -m caffe_mnist.storage.uploader --prefix /model/lenet --to s3://bucket/run

It watches PREFIX_iter_N.caffemodel and .solverstate. A snapshot is taken when both files are
there, have not changed between two looks, and are open for writing by nobody; it is published
once, as `<to>/1`, `<to>/2`, … A failed upload is tried again with growing, jittered pauses.

It ends by itself: on SIGTERM, or when the launcher that holds its standard input is gone, it
waits for the trainer (`--trainer PID`) to end, publishes what is complete, and exits with 0; or
with 1, saying what is not in the store, `--drain-timeout` seconds later. Uploads are the work of
a thread, so that one that hangs holds up neither a stop nor the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage
from caffe_mnist.storage.companions import Launcher, Trainer
from caffe_mnist.storage.owner import OwnedError, Owner
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.uploads import Settings, Uploader

__all__ = ["Settings", "Uploader", "main", "run"]

PROGRAM = "python -m caffe_mnist.storage.uploader"
LOOK_EVERY_AT_THE_END = 0.2
# The exit status when another job has taken the place over: do not start it again.
TAKEN_OVER = 3


def run(settings: Settings) -> int:
    """Watch until told to stop, then drain; returns the exit status.

    Raises CaffeMnistError for settings that can never work. A thread may be left that hangs in a
    request: end the process without waiting for it.
    """
    _check(settings)
    with contextlib.suppress(StoreError):  # what is wrong with the store itself may pass
        open_store(settings.to)
    uploader, launcher = Uploader(settings), Launcher(settings.launcher)
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopping.append(number))
    with contextlib.suppress(OSError):
        os.nice(10)
    trainer = Trainer(settings.trainer)
    if settings.owner:
        uploader.owner = Owner(settings.to, settings.owner)
        uploader.owner.start()
    work = _Work(uploader)
    work.start()
    while not stopping and work.is_alive() and not launcher.gone(settings.look_every):
        pass
    while trainer.runs() and work.is_alive() and stopping.count(signal.SIGINT) < 2:
        _mark_the_end(uploader.owner, launcher)
        time.sleep(settings.look_every)
    _mark_the_end(uploader.owner, launcher)
    return _end(work, stopping, launcher)


def _check(settings: Settings) -> None:
    for name in ("every", "look_every", "keep", "drain_timeout", "above"):
        value = getattr(settings, name)
        if not value >= 0:
            what = "cannot be negative" if value < 0 else f"cannot be {value}"
            raise CaffeMnistError(what, where=f"--{name.replace('_', '-')}")


def _end(work: _Work, stopping: list[int], launcher: Launcher) -> int:
    """Let the work finish, as long as it may take; a second Ctrl-C cuts it short."""
    uploader = work.uploader
    work.final.set()
    deadline = time.monotonic() + uploader.settings.drain_timeout
    while work.is_alive() and time.monotonic() < deadline and stopping.count(signal.SIGINT) < 2:
        work.join(LOOK_EVERY_AT_THE_END)
    if work.is_alive():
        left = ", ".join(str(pair.iteration) for pair in uploader.pending(final=True))
        if left:
            uploader.say("gave up", f"not in the store: iteration {left}; still on disk")
        elif not uploader.is_tidy:
            uploader.say("untidy", "what is more than --keep is not removed yet: no time was left")
        return 1 if left else 0
    if uploader.owner is not None:
        uploader.owner.stop()
        if launcher.has_left:  # whoever is last gives the place up
            uploader.owner.release()
    if isinstance(work.error, OwnedError):
        uploader.say("taken over", str(work.error))
        return TAKEN_OVER
    if work.error is not None:
        raise work.error
    return 0


def _mark_the_end(owner: Owner | None, launcher: Launcher) -> None:
    """Let others know that the launcher is gone, and that only what is left is uploaded."""
    if owner is not None and launcher.has_left:
        owner.start(ending=True)


class _Work(threading.Thread):
    """An uploader's turns, until everything is done after `final` was set."""

    def __init__(self, uploader: Uploader) -> None:
        super().__init__(daemon=True)
        self.uploader = uploader
        self.final = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """One turn after the other."""
        try:
            while not self.final.is_set():
                self.uploader.look()
                self.final.wait(self.uploader.settings.look_every)
            self.uploader.hurry()
            while not self.uploader.look(final=True):
                time.sleep(LOOK_EVERY_AT_THE_END)
        except BaseException as error:  # the main thread raises it
            self.error = error


def main(argv: Sequence[str] | None = None) -> int:
    """The uploader as a program."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--prefix", required=True, help="the solver's snapshot_prefix")
    parser.add_argument("--to", required=True, help="the store's folder for this job")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between uploads (60)")
    parser.add_argument("--look-every", type=float, default=1.0, help="seconds (1)")
    parser.add_argument("--keep", type=int, default=0, help="snapshots to keep in the store (all)")
    parser.add_argument("--since", type=float, default=0.0, help="ignore files older than this")
    parser.add_argument("--earlier", metavar="FILE", help="ignore the files whose marks it holds")
    parser.add_argument("--trainer", type=int, default=0, help="process that writes the snapshots")
    parser.add_argument("--drain-timeout", type=float, default=600.0, help="seconds (600)")
    parser.add_argument("--report", help="file to append events to, as JSON lines")
    parser.add_argument(
        "--owner", default="", metavar="RUN", help="stop when owner.json is not RUN's"
    )
    parser.add_argument("--best", metavar="FILE", help="best.json: what to keep in best/")
    parser.add_argument("--launcher", type=int, default=0, help="process that started this one")
    parser.add_argument("--training", default="", help="name of the training, for the manifests")
    parser.add_argument("--above", type=int, default=0, help="use numbers above this one (0)")
    one_line_usage(parser)
    return exit_status(lambda: run(Settings(**vars(parser.parse_args(argv)))), PROGRAM)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Without waiting for a request that hangs, and for what the library does at the end.
    os._exit(status)
