"""Signals that ask something of a training."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caffe_mnist.engine.asked import Action

# They wait until a training can hear them.
REQUESTS = frozenset({signal.SIGINT, signal.SIGHUP})


@contextmanager
def held() -> Iterator[None]:
    """Keep SIGINT and SIGHUP waiting until a `SignalRequests` takes them.

    Raised as KeyboardInterrupt while libraries are imported, a stop gets lost in what these do.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class SignalRequests:
    """SIGINT and SIGHUP as requests: the handlers only note them, the solver asks."""

    def __init__(self, sigint: str, sighup: str) -> None:
        """What each signal asks for: stop, snapshot or none."""
        self._effects = {signal.SIGINT: sigint, signal.SIGHUP: sighup}
        self._seen: list[str] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> SignalRequests:
        for number in self._effects:
            self._before[number] = signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def action(self) -> Action:
        """What was asked for since the last call, one thing at a time; stopping goes first."""
        from caffe_mnist.engine.asked import Action

        if not self._seen:
            return Action.NONE
        effect = "stop" if "stop" in self._seen else self._seen[0]
        self._seen.remove(effect)
        return Action[effect.upper()]

    def _note(self, number: int, frame: object) -> None:
        self._seen.append(self._effects[signal.Signals(number)])
