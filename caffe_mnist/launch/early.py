"""More snapshots early in a training (`--snapshot-early`), without touching the solver file.

The embedded engine is told the iterations. Real Caffe knows no such flag; it snapshots at SIGHUP
after the iteration under way, so it gets that signal when its log and the clock say that the
iteration has come. After the first line with a loss the signal itself is the sounding (the
snapshot's name tells where the training is), and then the speed is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.watch.log import Display, Event, Snapshot, Testing

# Shares of the first interval, in percent (BVLC/caffe #1866).
SHARES = (1, 2, 5, 10, 20, 50)
# After the first loss is seen, and for want of an answer (seconds).
SOUND_AFTER = 0.5
# A snapshot at so large a share of what was wanted is good enough.
NEAR = 0.9
# The speed is taken over the last so many seconds.
WINDOW = 3.0
ASK_AGAIN = 60.0


def early_iterations(interval: int, max_iter: int, solver: Path) -> tuple[int, ...]:
    """The iterations at 1, 2, 5, 10, 20 and 50 % of the first interval, each once.

    Raises CaffeMnistError when the solver makes no snapshots at intervals.
    """
    if interval < 1:
        raise CaffeMnistError(
            "makes no snapshots at intervals, so --snapshot-early means nothing",
            where=solver,
            hint="--set snapshot=500",
        )
    found = {-(-interval * share // 100) for share in SHARES}
    return tuple(sorted(n for n in found if n < min(interval, max_iter)))


class EarlySnapshots:
    """Asks a trainer for snapshots at iterations, as far as its log and a clock can tell."""

    def __init__(self, wanted: Sequence[int], start: int, ask: Callable[[], object]) -> None:
        """`wanted` iterations after `start`; `ask` asks the trainer for one now."""
        self._wanted = [n for n in wanted if n > start]
        self._ask = ask
        self._seen: list[tuple[float, int]] = []
        self._asked: float | None = None
        self._pause = SOUND_AFTER
        self._sound = float("inf")
        self._left = 2 * len(self._wanted) + 1

    def see(self, event: Event | None, now: float) -> None:
        """Something that the log said at `now` (seconds of a monotonic clock)."""
        if isinstance(event, (Display, Testing)):
            self._note(event.iteration, now)
            if isinstance(event, Display):
                self._sound = min(self._sound, now + self._pause)
        elif isinstance(event, Snapshot):
            match = re.search(r"_iter_(\d+)\.caffemodel", event.path)
            if match:
                self._asked = None
                self._pause *= 2
                self._sound = now + self._pause
                self._note(int(match.group(1)), now)
                self._wanted = [n for n in self._wanted if n * NEAR > int(match.group(1))]

    def look(self, now: float) -> None:
        """Ask, if the next iteration that is wanted has come."""
        if not self._wanted or not self._seen or not self._left:
            return
        if self._asked is not None and now - self._asked < ASK_AGAIN:
            return
        if now >= self._due():
            self._asked = now
            self._left -= 1
            self._ask()

    def wait(self, now: float, longest: float) -> float:
        """How long to sleep until the next look, at most `longest`."""
        if not self._wanted or not self._seen or self._asked is not None:
            return longest
        return min(longest, max(self._due() - now, 0.001))

    def _due(self) -> float:
        (first_time, first), (time, n) = self._seen[0], self._seen[-1]
        if n >= self._wanted[0]:
            return time
        if n == first:
            return self._sound
        # The signal is heeded after the iteration under way.
        return time + (self._wanted[0] - n) * (time - first_time) / (n - first)

    def _note(self, iteration: int, now: float) -> None:
        if not self._seen or iteration > self._seen[-1][1]:
            self._seen.append((now, iteration))
            while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW:
                del self._seen[0]
