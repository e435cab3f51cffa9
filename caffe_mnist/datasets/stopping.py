"""How far the work is, and where it is stopped by Ctrl-C and its like."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

from caffe_mnist.datasets.progress import RecordProgress
from caffe_mnist.errors import CaffeMnistError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppableProgress(RecordProgress):
    """Progress that is also where a signal takes effect: between two batches.

    So Ctrl-C, SIGTERM and SIGHUP never cut a clean-up or a rename in the middle; the second
    such signal, and those inside `at_once`, do not wait.
    """

    _noted = 0
    _at_once = False

    def __init__(self, program: str) -> None:
        """`program` is who says by which signal it ended."""
        super().__init__()
        self._program = program

    def __enter__(self) -> StoppableProgress:
        # What is ignored, as under nohup, stays ignored.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(failure[1], CaffeMnistError):  # such as input cut by the same Ctrl-C
            self._act()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show it, and stop here if that was asked for."""
        super().__call__(name, done, total)
        self._act()

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Work that calls for no progress and may be cut anywhere."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, _: object) -> None:
        again = self._noted
        self._noted = number
        if again or self._at_once:
            self._act()

    def _act(self) -> None:
        if self._noted == signal.SIGINT:
            raise KeyboardInterrupt
        if self._noted:
            print(f"{self._program}: ended by {signal.Signals(self._noted).name}", file=sys.stderr)
            sys.exit(128 + self._noted)
