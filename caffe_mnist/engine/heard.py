"""Signals that a launcher of workers hears, and the end that they may bring."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from caffe_mnist.errors import JobError


class Heard:
    """The signals that came, as numbers, while others' handlers are put aside."""

    def __init__(self, signals: Mapping[int, int]) -> None:
        """Of these, the keys."""
        self._signals, self._came = signals, list[int]()
        self._before: dict[int, Callable[..., Any] | int | None] = {}

    def __enter__(self) -> list[int]:
        for number in self._signals:
            self._before[number] = signal.signal(number, lambda n, frame: self._came.append(n))
        # Those that came before they could be heard were kept waiting.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(self._signals))
        return self._came

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class StoppedError(JobError):
    """Asked to end before there was anything to end; the exit status is 128 + the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} while waiting for workers")
        self.status = 128 + number
