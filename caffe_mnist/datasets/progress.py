"""Showing how far a dataset's records are: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

# A bar that would be gone before it is read is not worth loading the library that draws it.
BAR_AFTER, LINE_EVERY = 0.5, 10.0


class RecordProgress:
    """Call it with a name, the records done and all there will be; it writes to `stream`.

    When the `with` block ends cleanly, one line for each name tells the records, the seconds
    and the records per second.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = self._told = self._latest = clock()
        self._bar: tqdm[NoReturn] | None = None
        self._done: dict[str, tuple[int, float]] = {}

    def __enter__(self) -> RecordProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None:
            for name, (done, seconds) in self._done.items():
                self._line(name, done, seconds)

    def __call__(self, name: str, done: int, total: int) -> None:
        """Note that `done` of `total` records of the database `name` are through."""
        now = self._clock()
        if name not in self._done:
            self._started = self._latest
            if self._bar is not None:
                self._bar.close()
                self._bar = None
        self._latest = now
        self._done[name] = done, now - self._started
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif now - self._started > BAR_AFTER and self._stream.isatty():
            self._open_bar(name, done, total)
        elif now - self._told > LINE_EVERY:
            self._told = now
            seconds = now - self._started
            left = seconds * (total - done) / max(done, 1)
            self._line(f"{name}: {done / total:.0%}", done, seconds, f", {left:.0f} s left")

    def _open_bar(self, name: str, done: int, total: int) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread of its own
        self._bar = tqdm(
            desc=name, initial=done, total=total, unit=" items", file=self._stream, leave=False
        )

    def _line(self, name: str, done: int, seconds: float, more: str = "") -> None:
        rate = done / max(seconds, 1e-9)
        text = f"{name}: {done} items in {seconds:.2f} s, {rate:.0f} items/s{more}"
        print(text, file=self._stream)
