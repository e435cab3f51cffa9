"""The process that speaks with stores for a script.

The library for stores runs threads, which do not survive a fork, and job scripts fork: a
copying process of their own is the rule. So each process of a script that uses a store has an
envoy of its own, started when it is first needed; it ends with its script, at once.
"""

from __future__ import annotations

import importlib
import os
import queue
import re
import subprocess
import sys
import threading
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.moxing.exceptions import MoxFileNameDuplicateException, failure
from caffe_mnist.moxing.wire import receive, send

# What an envoy reads from its environment: when it changes, another envoy is needed.
SETTINGS = re.compile(r"(AWS|OBS|S3|AZURE|AZURITE|GOOGLE|STORAGE|CAFFE_MNIST)_|.*(KEY|TOKEN)")
START = "import sys; sys.path[:] = {path!r}; from caffe_mnist.moxing.envoy import serve; serve()"


def work(remote: bool, module: str, function: str, *words: Any) -> Any:
    """Call a function of caffe_mnist.moxing.MODULE, in the envoy if a store is involved.

    Raises MoXing's exceptions for what a store cannot do, and OSError for local paths.
    """
    if remote:
        outcome, value = _ENVOYS.ask((module, function, words))
        if outcome == "raised":
            raise value
    else:
        outcome, value = _called(module, function, words)
    if outcome == "failed":
        text, kind = value
        if kind == "DuplicateError":
            raise MoxFileNameDuplicateException(text)
        raise failure(text, kind == "MissingError")
    return value


def _called(module: str, function: str, words: tuple[Any, ...]) -> tuple[str, Any]:
    called = getattr(importlib.import_module(f"caffe_mnist.moxing.{module}"), function)
    try:
        return "done", called(*words)
    except CaffeMnistError as error:
        return "failed", (str(error), type(error).__name__)


class _Envoys:
    """This process's envoys: one for each thread that asks at the same time."""

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[bytes]] = []
        self._busy: list[subprocess.Popen[bytes]] = []
        self._settings: dict[str, str] = {}
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forked)

    def ask(self, request: Any) -> tuple[str, Any]:
        """What an envoy answers; one is started if none is free."""
        process = self._taken()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, request)
            outcome, value = receive(process.stdout)
        except BaseException as error:
            with self._lock:
                self._busy.remove(process)
            _end(process)
            if isinstance(error, (EOFError, BrokenPipeError)):
                raise failure("the process that speaks with stores ended", False) from None
            raise
        with self._lock:
            self._busy.remove(process)
            self._idle.append(process)
        return outcome, value

    def _taken(self) -> subprocess.Popen[bytes]:
        settings = {key: text for key, text in os.environ.items() if SETTINGS.match(key)}
        with self._lock:
            if settings != self._settings:
                self._settings = settings
                while self._idle:
                    _end(self._idle.pop())
            while self._idle and self._idle[-1].poll() is not None:
                _end(self._idle.pop())
            process = self._idle.pop() if self._idle else _started()
            self._busy.append(process)
        return process

    def _forked(self) -> None:
        """Envoys stay with the process that started them."""
        for process in (*self._idle, *self._busy):
            _close(process)
            process.returncode = 0  # not ours to wait for
        self._idle, self._busy = [], []
        self._lock = threading.Lock()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", START.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    _close(process)
    process.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


_ENVOYS = _Envoys()


def serve() -> None:
    """The envoy's own work: answer requests until there is nobody to ask."""
    requests: queue.Queue[Any] = queue.Queue()
    source = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def listen() -> None:
        try:
            while True:
                requests.put(receive(source))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        module, function, words = requests.get()
        try:
            answer = _called(module, function, words)
        except Exception as error:
            answer = "raised", error
        send(answers, answer)
