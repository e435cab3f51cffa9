"""Watching a trainer: its log, its uploader, and the signals that ask for a stop."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.launch.divergence import Divergence
from caffe_mnist.launch.early import EarlySnapshots
from caffe_mnist.launch.process import Follower, StopRequests, signal_group, start_uploader
from caffe_mnist.storage.uploader import TAKEN_OVER
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.log import Finished
from caffe_mnist.watch.metrics import Metrics

LOOK_EVERY = 0.1
RESTART_AFTER = 5.0
WRITE_EVERY = 5.0
TEND_EVERY = 1.0
# What a failure is explained from: a stack alone takes 30.
LAST_LINES = 200
RESTARTS_AT_THE_END = 3
# How much longer than it was told an uploader may take to give up, before it is killed.
GRACE = 5.0


@dataclass
class Supervisor:
    """One trainer at work."""

    trainer: subprocess.Popen[bytes]
    follower: Follower
    metrics: Metrics
    bar: Bar
    requests: StopRequests
    stop_timeout: float
    uploader_arguments: list[str] | None
    write_metrics: Callable[[], None]
    uploader_log: Path | None = None
    early: EarlySnapshots | None = None
    tend: Callable[[], object] = lambda: None
    lost: Callable[[], object] = lambda: None
    drain_timeout: float = 600.0
    hurried: Callable[[], object] = lambda: None
    enough: Callable[[], str] = lambda: ""
    divergence: Divergence | None = None
    finished: bool = False

    def __post_init__(self) -> None:
        self.last_lines: list[str] = []
        self._uploader: subprocess.Popen[bytes] | None = None
        self._uploader_started = float("-inf")
        self._asked = 0
        self.early_end, self.diverged = "", False
        self.was_lost = False
        self._kill_at = float("inf")
        self._written = self._tended = time.monotonic()
        self._uploads: Follower | None = None
        if self.uploader_log is not None:
            self.uploader_log.touch()
            self._uploads = Follower(self.uploader_log, self.uploader_log.stat().st_size)

    def watch(self) -> int:
        """Until the trainer ends; returns its return code (negative: the signal)."""
        while True:
            self._keep_uploader()
            code = self.trainer.poll()
            self._read_log(last=code is not None)
            if code is not None:
                return code
            self._stop_if_asked()
            self.hurried()
            now = time.monotonic()
            if now - self._tended > TEND_EVERY:
                self._tended = now
                self.tend()
            if self.early is not None and self._kill_at == float("inf"):
                self.early.look(now)
            time.sleep(LOOK_EVERY if self.early is None else self.early.wait(now, LOOK_EVERY))

    def drain(self) -> bool:
        """Let the uploader finish and end; False if something is not in the store.

        It takes no longer than `drain_timeout` (and `GRACE`), whatever hangs: then the uploader
        is killed. A stop request meanwhile does not cut the uploads short; a third one does.
        """
        if self.uploader_arguments is None:
            return True
        deadline = time.monotonic() + self.drain_timeout
        for _ in range(1 + RESTARTS_AT_THE_END):
            self._keep_uploader(at_once=True, seconds=max(deadline - time.monotonic(), 0))
            code = self._last_uploads(deadline + GRACE)
            over = time.monotonic() > deadline or len(self.requests.seen) >= 3
            if code >= 0 or over:
                return code == 0
        return False

    def _last_uploads(self, deadline: float) -> int:
        """Tell the uploader that this is the end (closing its input); its return code."""
        uploader = self._uploader
        assert uploader is not None
        assert uploader.stdin is not None
        uploader.stdin.close()
        while uploader.poll() is None:
            self._show_uploads()
            if len(self.requests.seen) >= 3 or time.monotonic() > deadline:
                signal_group(uploader, signal.SIGKILL)
            time.sleep(LOOK_EVERY)
        self._show_uploads()
        return uploader.returncode

    def _show_uploads(self) -> None:
        for line in self._uploads.lines() if self._uploads else ():
            self.bar.say(line.rstrip("\n"))

    def _read_log(self, last: bool) -> None:
        for line in self.follower.lines(last):
            event = self.metrics.feed(line)
            if self.divergence is not None:
                self.divergence.see(line, event)
            if isinstance(event, Finished):
                self.finished = not event.early
            if self.early is not None:
                self.early.see(event, time.monotonic())
            self.last_lines = [*self.last_lines[-LAST_LINES:], line]
            self.bar.show(line, event)
        self._show_uploads()
        if time.monotonic() - self._written > WRITE_EVERY or last:
            self._written = time.monotonic()
            self.write_metrics()

    def _keep_uploader(self, at_once: bool = False, seconds: float | None = None) -> None:
        """Start the uploader, and start it again when it died; it may drain for `seconds`."""
        if self.uploader_arguments is None:
            return
        if self._uploader is not None:
            if self._uploader.poll() is None:
                return
            if not at_once and time.monotonic() - self._uploader_started < RESTART_AFTER:
                return
            code = self._uploader.returncode
            if code == TAKEN_OVER:
                return
            self.bar.say(f"train: the uploader ended ({code}); starting it again")
        self._uploader_started = time.monotonic()
        limit = self.drain_timeout if seconds is None else seconds
        more = ["--trainer", str(self.trainer.pid), f"--drain-timeout={limit}"]
        self._uploader = start_uploader([*self.uploader_arguments, *more], self.uploader_log)

    def _stop_if_asked(self) -> None:
        """The first request asks the trainer to snapshot and stop; the second kills it.

        The loss of the place in the store is a request too.
        """
        if not self.was_lost and (self.lost() or self._uploader_was_told()):
            self.was_lost = True
            self.bar.say("train: another job has taken over; stopping")
            self._ask_to_stop()
        if self.divergence is not None and self.divergence.found and not self.diverged:
            self.diverged = True  # before it makes a snapshot of it
            self.bar.say(f"train: {self.divergence.found}; ending the training")
            signal_group(self.trainer, signal.SIGKILL)
        if not self.early_end and not self._asked and (why := self.enough()):
            self.early_end = why
            self.bar.say(f"train: {why}; stopping early")
            self._ask_to_stop()
        if len(self.requests.seen) > self._asked:
            self._asked = len(self.requests.seen)
            if self._asked == 1:
                self.bar.say("train: stopping; the trainer writes a snapshot")
                self._ask_to_stop()
            else:
                self._kill_at = time.monotonic()
        if time.monotonic() >= self._kill_at:
            self.bar.say("train: the trainer did not stop; killing it")
            signal_group(self.trainer, signal.SIGKILL)
            self._kill_at = float("inf")

    def _uploader_was_told(self) -> bool:
        """Whether it ended because the place in the store is another job's."""
        return self._uploader is not None and self._uploader.poll() == TAKEN_OVER

    def _ask_to_stop(self) -> None:
        signal_group(self.trainer, signal.SIGINT)
        signal_group(self.trainer, signal.SIGCONT)  # one that was paused hears it only then
        self._kill_at = time.monotonic() + self.stop_timeout
