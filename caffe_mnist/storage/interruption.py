"""Ctrl-C while a store is silent: the work has a thread of its own, the main thread hears."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Callable, TypeVar

from caffe_mnist.storage.crew import GRACE, StoppedError

Result = TypeVar("Result")


def interruptible(work: Callable[[], Result], stop: threading.Event | None = None) -> Result:
    """The result of `work`; `stop` is set when it is to end.

    Raises KeyboardInterrupt at Ctrl-C, when the work has ended or some seconds later: a call
    into a library cannot be cut short.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=run, daemon=True, name="command")
    thread.start()
    try:
        return outcome.result()
    except KeyboardInterrupt:
        if stop is not None:
            stop.set()
            thread.join(GRACE + 1)
        raise
    except StoppedError:
        raise KeyboardInterrupt from None
