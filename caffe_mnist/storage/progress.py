"""Progress of a copy: one bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

# How often a plain line is worth printing, in seconds.
EVERY = 10.0


class Progress:
    """Bytes and files of one copy, safe to report from several threads."""

    def __init__(self, label: str, size: int, files: int) -> None:
        """`size` bytes in `files` files are ahead."""
        self._label, self._size, self._files = label, size, files
        self._bytes = self._finished = 0
        self._lock = threading.Lock()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._start = self._said = time.monotonic()
        if sys.stderr.isatty() and self._size:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._size, desc=self._label, unit="B", unit_scale=True, file=sys.stderr
            )
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None and self._files:
            self._say()

    def add(self, count: int) -> None:
        """`count` more bytes are over."""
        with self._lock:
            self._bytes += count
            if self._bar is not None:
                self._bar.update(count)
            elif time.monotonic() - self._said > EVERY:
                self._said = time.monotonic()
                self._say()

    def done(self) -> None:
        """One more file is over."""
        with self._lock:
            self._finished += 1

    def _say(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-6)
        rate = self._bytes / seconds
        left = (self._size - self._bytes) / rate if rate else 0.0
        more = f", {left:.0f} s left" if self._bytes < self._size else ""
        print(
            f"{self._label}: {self._finished}/{self._files} files, {self._bytes / 1e6:.1f} MB "
            f"at {rate / 1e6:.1f} MB/s{more}",
            file=sys.stderr,
        )
