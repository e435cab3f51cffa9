"""Starting the trainer and the uploader so that neither outlives its purpose.

The trainer writes its log straight into a file, which the launcher follows: a launcher that is
killed breaks no pipe. It runs in a session of its own, so that a Ctrl-C reaches the launcher
only; when the launcher dies, the kernel sends it SIGINT: it snapshots and stops.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from caffe_mnist.errors import CaffeMnistError, JobError

PR_SET_PDEATHSIG = 1


def start_trainer(
    command: Sequence[str], log: Path, append: bool = False, patient: bool = False
) -> subprocess.Popen[bytes]:
    """Start the trainer with its output in `log`, after what is there with `append`.

    `patient`: SIGINT and SIGHUP wait until it asks for them, which the embedded engine does as
    soon as it can heed them. Real Caffe does not, and in the seconds before it dies of them.
    """
    with log.open("ab" if append else "wb") as file:
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_stop_with(os.getpid(), patient),
            )
        except OSError as error:
            raise CaffeMnistError(f"cannot start: {error.strerror}", where=command[0]) from None


def start_uploader(arguments: Sequence[str], log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the uploader; it drains and ends when the pipe to its standard input closes.

    Its lines go to our standard error, or to the end of `log`.
    """
    with contextlib.ExitStack() as stack:
        return subprocess.Popen(
            [sys.executable, "-m", "caffe_mnist.storage.uploader", *arguments],
            stdin=subprocess.PIPE,
            stderr=None if log is None else stack.enter_context(log.open("ab")),
            start_new_session=True,
        )


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a process and all that it started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def exit_code(returncode: int) -> int:
    """A shell's exit status: 128 + n for death by signal n."""
    return 128 - returncode if returncode < 0 else returncode


def _stop_with(parent: int, patient: bool) -> Callable[[], None]:
    """What the child does before it becomes the trainer: ask to be stopped with its parent."""
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec() -> None:
        if patient:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGINT)

    return before_exec


class Follower:
    """The lines of a log file as they are written."""

    def __init__(self, path: Path, start: int = 0) -> None:
        """Begin at byte `start`."""
        self._file: IO[bytes] = path.open("rb")
        self._file.seek(start)
        self._rest = b""

    def lines(self, last: bool = False) -> list[str]:
        """The complete lines since the last call; with `last`, also an unfinished one."""
        self._rest += self._file.read()
        *whole, self._rest = self._rest.split(b"\n")
        if last and self._rest:
            whole, self._rest = [*whole, self._rest], b""
        return [line.decode("utf-8", "replace") + "\n" for line in whole]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class StoppedError(JobError):
    """The job was told to stop; its exit status is 128 + the signal's number."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class Interruption(BaseException):
    """A stop request in the middle of something; nothing that handles errors may catch it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


class StopRequests:
    """SIGTERM and SIGINT, noted while the trainer runs, raised as Interruption otherwise.

    In a thread other than Python's first one, which alone may ask for signals, there are none.
    """

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.only_note = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequests:
        mine = threading.current_thread() is threading.main_thread()
        for number in (signal.SIGTERM, signal.SIGINT) if mine else ():
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: object) -> None:
        self.seen.append(number)
        if not self.only_note:
            raise Interruption(number)
