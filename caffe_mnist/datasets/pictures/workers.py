"""The worker processes by themselves: started early, used for one set of pictures after another.

A process is busy for a third of a second before it can decode: those that are surely needed start
while the list of pictures is still being read.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from caffe_mnist.datasets.pictures.exchange import (
    DECODING,
    LARGE_SLOT,
    Answer,
    Command,
    Instructions,
    Message,
    Release,
    SharedMemory,
    Task,
    packed,
    unpacked,
)
from caffe_mnist.datasets.pictures.pipes import Receiver, Sender

# More than this many are not started before it is known how many pictures there are.
EARLY = 4
# Without `site`: the path of this process, which they get, has been through that.
WORKER = ["-S", "-m", "caffe_mnist.datasets.pictures.worker"]
PACKAGE = Path(__file__).parents[3]

# Fresh memory is slow to get: what a picture needed is kept for the next, within bounds.
SURROUNDINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**27),
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "OFF",
}


class Workers:
    """Idle workers; `close` ends them. `count` is how many may be busy at once."""

    def __init__(self, count: int | None = None) -> None:
        self.count = cores() if count is None else count
        self._gate = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._idle: list[Worker] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Workers:
        """Start some, as there will be pictures; nothing where no OpenCV is installed."""
        if find_spec("cv2") is not None:
            while len(self._idle) < min(self.count, EARLY):
                self._idle.append(Worker(self._gate.fileno()))
        return self

    def take(self, instructions: Instructions) -> Worker:
        """One that has been told what to do: an idle one, or a new one."""
        worker = self._idle.pop() if self._idle else Worker(self._gate.fileno())
        worker.tell(instructions)
        return worker

    def give_back(self, worker: Worker) -> None:
        """Keep one that has done all that it was told."""
        self._idle.append(worker)

    def close(self) -> None:
        """End the idle ones."""
        while self._idle:
            self._idle.pop().end()
        self._gate.close()


class Worker:
    """One process, what it was told to do, and the memory that it shares."""

    def __init__(self, gate: int) -> None:
        self.memory = SharedMemory()
        self.tasks: dict[int, int] = {}
        self._seen, self._since = (0, 0), time.monotonic()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        commands, sending = os.pipe()
        receiving, answers = os.pipe()
        self._commands, self._answers = Sender(sending), Receiver(receiving)
        inherited = [self.memory.descriptor, gate, commands, answers]
        path = os.pathsep.join([str(PACKAGE), *(one or os.getcwd() for one in sys.path)])
        self.process = subprocess.Popen(
            [sys.executable, *WORKER, *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=inherited,
            env={**os.environ, **SURROUNDINGS, "PYTHONPATH": path},
        )
        os.close(commands)
        os.close(answers)

    def fileno(self) -> int:
        """For waiting until there are answers."""
        return self._answers.fileno()

    def answers(self) -> list[Message]:
        """Those that came; EOFError when it is dead."""
        return [unpacked(one) for one in self._answers.receive()]

    def send(self, task: Task) -> None:
        """Give it a task."""
        self.tasks[task.chunk] = task.pictures[0][0]
        self.tell(task)

    def release(self, slot: int) -> None:
        """Tell it that the records in a slot are done with."""
        if slot == LARGE_SLOT:
            self.memory.forget_large()
        self.tell(Release(slot))

    def note(self, answer: Answer, chunk: int, total: int) -> None:
        """Take down how far a task is."""
        if answer.following >= min(total, (answer.chunk + 1) * chunk):
            del self.tasks[answer.chunk]
        else:
            self.tasks[answer.chunk] = answer.following

    def stuck_for(self) -> float:
        """Seconds since it began the picture that it is decoding."""
        now, state = time.monotonic(), self.memory.state
        if state[0] != DECODING or state != self._seen:
            self._seen, self._since = state, now
        return now - self._since

    def last_words(self) -> str:
        """The last line that it wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read(1 << 16).decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def end(self) -> None:
        """End the process, and wait until it is gone."""
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        self._commands.close()
        self._answers.close()
        self._errors.close()

    def tell(self, command: Command) -> None:
        """Send a command."""
        with contextlib.suppress(BrokenPipeError, OSError):  # it died: found out when listening
            self._commands.send(packed(command))


def cores() -> int:
    """How many processors we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
