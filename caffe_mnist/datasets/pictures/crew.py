"""The worker processes together: pictures in, their records out in the same order.

Whatever a picture does to its decoder, the work goes on: a worker that died, or that takes longer
than TIME_LIMIT for one picture, is replaced; the picture is tried once more and then skipped.
Memory is bounded: a worker whose slots are full waits until the crew has released one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from caffe_mnist.datasets.pictures.exchange import (
    DECODING,
    LARGE_SLOT,
    Answer,
    Record,
    Release,
    SharedMemory,
    Task,
    Unfit,
)
from caffe_mnist.datasets.pictures.listing import Listing
from caffe_mnist.errors import CaffeMnistError, JobError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# So many pictures make a task: few enough that the workers end at about the same time.
CHUNK = 16
# Tasks that a worker has at once, so that it never waits for the next.
AHEAD = 2
# Seconds for one picture; the largest that is allowed takes about ten.
TIME_LIMIT = 120.0
# How often one picture may end its worker; the first time it may have been something else.
TRIES = 2
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


class Part(NamedTuple):
    """Some pictures' records, in order, and why others have none.

    A record's bytes are `view(record.at, record.size)`, and its pixels at `record.pixels`. They
    may be used until the next part is taken.
    """

    records: list[Record]
    skipped: list[tuple[int, str]]
    following: int
    memory: SharedMemory | None

    def view(self, at: int, size: int) -> memoryview:
        """Bytes of the shared memory."""
        assert self.memory is not None
        return self.memory.view(at, size)

    def rows(self, records: list[Record]) -> npt.NDArray[np.uint8] | None:
        """The pixels of some of the records, a row each; None where they do not lie evenly."""
        import numpy as np

        first, last = records[0], records[-1]
        size = first.size
        at, shape = first.pixels or (0, (0, 0, 0))
        evenly = all(
            one.size == size and one.pixels == (at + number * size, shape)
            for number, one in enumerate(records)
        )
        start = at - first.at
        pixels = shape[0] * shape[1] * shape[2]
        if start + pixels > size:  # those of an encoded record stand behind it
            return None
        if not evenly or last.at != first.at + (len(records) - 1) * size:
            return None
        block = np.frombuffer(self.view(first.at, len(records) * size), np.uint8)
        return block.reshape(len(records), size)[:, start : start + pixels]


class Crew:
    """`count` workers that decode the pictures of `listing`; close it to end them."""

    def __init__(self, listing: Listing, decoding: Any, count: int) -> None:
        self._listing = listing
        self._decoding = decoding
        self._sums = True
        self._refused: dict[int, str] = {}
        self._deaths: dict[int, int] = {}
        self._unfit = 0
        self._pending: dict[int, deque[tuple[_Worker, Answer]]] = {}
        self._gate = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._workers: list[_Worker] = []
        try:
            for _ in range(count):
                self._workers.append(self._hire())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.end()
        self._gate.close()

    def no_sums(self) -> None:
        """The pixels of encoded records are not needed any more."""
        self._sums = False

    def parts(self, start: int = 0) -> Iterator[Part]:
        """The records of all pictures from number `start` on, in order.

        Where parts end depends on the pictures alone, never on the number of workers. Raises
        JobError when workers die without a picture to blame.
        """
        total = len(self._listing.entries)
        chunk, end = start // CHUNK, -(-total // CHUNK)
        upcoming = chunk
        while chunk < end:
            while upcoming < min(end, chunk + 4 * AHEAD * len(self._workers)):
                worker = min(self._workers, key=lambda one: len(one.tasks))
                if len(worker.tasks) >= AHEAD:
                    break
                worker.send(self._task(upcoming, max(start, upcoming * CHUNK)))
                upcoming += 1
            answers = self._pending.setdefault(chunk, deque())
            if not answers:
                self._listen()
                continue
            worker, answer = answers.popleft()
            yield Part(answer.records, answer.skipped, answer.following, worker.memory)
            if answer.slot is not None:
                worker.release(answer.slot)
            if answer.following >= min(total, (chunk + 1) * CHUNK):
                del self._pending[chunk]
                chunk += 1

    def _task(self, chunk: int, start: int) -> Task:
        end = min((chunk + 1) * CHUNK, len(self._listing.entries))
        entries = self._listing.entries
        pictures = [(n, entries[n].name, entries[n].label) for n in range(start, end)]
        refused = {n: self._refused[n] for n in range(start, end) if n in self._refused}
        return Task(chunk, pictures, self._sums, refused)

    def _listen(self) -> None:
        """Wait for answers, for a second at most, and look after the workers."""
        by_connection = {worker.answers: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout=1.0):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                answer = worker.answers.recv()
            except (EOFError, OSError):
                self._replace(worker, self._cause(worker))
                continue
            if isinstance(answer, Unfit):
                raise CaffeMnistError(answer.reason)
            worker.note(answer, CHUNK, len(self._listing.entries))
            self._pending.setdefault(answer.chunk, deque()).append((worker, answer))
        for worker in self._workers:
            if worker.stuck_for() > TIME_LIMIT:
                self._replace(worker, f"decoding it takes longer than {TIME_LIMIT:g} seconds")

    def _cause(self, worker: _Worker) -> str:
        status = worker.process.wait()
        if status < 0:
            return f"OpenCV ended with {signal.Signals(-status).name} on it"
        return f"OpenCV ended with status {status} on it"

    def _replace(self, worker: _Worker, cause: str) -> None:
        """Another worker in the place of a dead or stuck one, with the tasks that it had."""
        state, number = worker.memory.state
        said = worker.last_words()
        worker.end()
        if state == DECODING:
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if self._deaths[number] >= TRIES:
                self._refused[number] = cause
        else:
            self._unfit += 1
            if self._unfit > len(self._workers) + TRIES:
                raise JobError(f"decoding pictures: {cause[: -len(' on it')]} {said}".rstrip())
        successor = self._hire()
        self._workers[self._workers.index(worker)] = successor
        for chunk, following in worker.tasks.items():
            successor.send(self._task(chunk, following))

    def _hire(self) -> _Worker:
        return _Worker(self._gate.fileno(), (self._listing.root, self._decoding))


class _Worker:
    """One process, what it was told to do, and the memory that it shares."""

    def __init__(self, gate: int, instructions: Any) -> None:
        self.memory = SharedMemory()
        self.tasks: dict[int, int] = {}
        self._seen, self._since = (0, 0), time.monotonic()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        commands, self._commands = _pipe()
        self.answers, answers = _pipe()
        inherited = [self.memory.descriptor, gate, commands.fileno(), answers.fileno()]
        path = os.pathsep.join([str(PACKAGE), *(one or os.getcwd() for one in sys.path)])
        self.process = subprocess.Popen(
            [sys.executable, *WORKER, *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=inherited,
            env={**os.environ, **SURROUNDINGS, "PYTHONPATH": path},
        )
        commands.close()
        answers.close()
        self._tell(instructions)

    def send(self, task: Task) -> None:
        """Give it a task."""
        self.tasks[task.chunk] = task.pictures[0][0]
        self._tell(task)

    def release(self, slot: int) -> None:
        """Tell it that the records in a slot are done with."""
        if slot == LARGE_SLOT:
            self.memory.forget_large()
        self._tell(Release(slot))

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
        self.answers.close()
        self._errors.close()

    def _tell(self, command: Any) -> None:
        with contextlib.suppress(BrokenPipeError, OSError):  # it died: found out when listening
            self._commands.send(command)


def _pipe() -> tuple[Connection, Connection]:
    """A pipe's ends for reading and for writing."""
    reading, writing = os.pipe()
    return Connection(reading, writable=False), Connection(writing, readable=False)
