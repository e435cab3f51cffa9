"""A bound on the snapshots that stay on the local disk (`--keep-local`)."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from caffe_mnist.launch.uploads import Uploads
from caffe_mnist.storage.pairs import Mark, Pair, pairs

# How long one that is not in the store yet is spared: while uploads fail, and at all beyond
# --upload-every (seconds).
FAILING = 30.0
WAITING = 120.0


@dataclass
class Retention:
    """Removes the oldest beyond `keep`: first those in the store, then those that wait too long.

    Never the newest of this run (or, before it has one, what it began with), and never one that
    is being uploaded. `uploads` is None for a job without a store: then the oldest just go.
    `best` is the iteration of the best model, which stays beyond those.
    `before` are the marks of files that were there before this run, `earlier` those of them
    that nobody uploads.
    """

    prefix: Path
    keep: int
    uploads: Uploads | None
    before: frozenset[Mark]
    earlier: frozenset[Mark]
    start: str
    every: float
    say: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    best: Callable[[], int | None] = lambda: None
    _since: dict[Path, float] = field(default_factory=dict)

    def look(self) -> None:
        """Remove what is too much now."""
        if self.keep < 1:
            return
        best = self.best()
        here = [pair for pair in pairs(self.prefix) if pair.iteration != best]
        for pair in here:
            self._since.setdefault(pair.weights, self.clock())
        ours = {pair.weights for pair in here if not self.before.intersection(pair.marks)}
        here.sort(key=lambda pair: (pair.weights in ours, pair.iteration))
        candidates = [pair for pair in here[:-1] if self._may_go(pair, bool(ours))]
        excess = len(here) - self.keep
        safe = [pair for pair in candidates if self._is_safe(pair)]
        for pair in safe[: max(excess, 0)]:
            self._remove(pair)
        excess -= len(safe)
        gone = set(safe)
        for pair in (pair for pair in candidates if pair not in gone):
            reason = self._no_longer_spared(pair, excess, here[-1])
            if excess < 1 or reason is None:
                return
            self.say(f"iteration {pair.iteration} removed from the disk, {reason}")
            self._remove(pair)
            excess -= 1

    def _may_go(self, pair: Pair, begun: bool) -> bool:
        if not begun and str(pair.state) == self.start:
            return False  # the trainer may not have read it yet
        return self.uploads is None or pair.iteration != self.uploads.under_way

    def _is_safe(self, pair: Pair) -> bool:
        """Whether it is in the store, or not on its way there."""
        if self.uploads is None or self.earlier.intersection(pair.marks):
            return True
        return pair.iteration in self.uploads.safe

    def _no_longer_spared(self, pair: Pair, excess: int, newest: Pair) -> str | None:
        """Why one that is not in the store goes; None while it stays."""
        assert self.uploads is not None
        failing = self.uploads.failing_since
        if failing is not None and (self.clock() - failing > FAILING or excess > self.keep):
            return "not in the store, which fails"
        if self.clock() - self._since[pair.weights] > self.every + WAITING:
            return "not in the store: uploads are slower than snapshots"
        size = sum(mark[1] for mark in newest.marks)
        if shutil.disk_usage(self.prefix.parent).free < 2 * size:
            return "not in the store: the disk is nearly full"
        return None

    def _remove(self, pair: Pair) -> None:
        self._since.pop(pair.weights, None)
        for path in (pair.state, pair.weights):
            with contextlib.suppress(OSError):
                path.unlink()
