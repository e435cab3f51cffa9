"""The worker processes together: pictures in, their records out in the same order.

Whatever a picture does to its decoder, the work goes on: a worker that died, or that takes longer
than TIME_LIMIT for one picture, is replaced; the picture is tried once more and then skipped.
Memory is bounded: a worker whose slots are full waits until the crew has released one.
"""

from __future__ import annotations

import select
import signal
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from caffe_mnist.datasets.pictures.exchange import (
    DECODING,
    Answer,
    Instructions,
    Message,
    Record,
    SharedMemory,
    Task,
    Unfit,
)
from caffe_mnist.datasets.pictures.listing import Decoding, Listing
from caffe_mnist.datasets.pictures.workers import Worker, Workers
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
    """`count` of the workers, who decode the pictures of `listing`.

    When all is decoded they are idle again; `close` ends them, whatever they are doing.
    """

    def __init__(self, listing: Listing, decoding: Decoding, count: int, workers: Workers) -> None:
        self._listing = listing
        self._instructions = Instructions(listing.root, decoding)
        self._idle = workers
        self._done = False
        self._sums = True
        self._refused: dict[int, str] = {}
        self._deaths: dict[int, int] = {}
        self._unfit = 0
        self._pending: dict[int, deque[tuple[Worker, Answer]]] = {}
        self._workers: list[Worker] = []
        try:
            for _ in range(count):
                self._workers.append(self._hire())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self._done:
            for worker in self._workers:
                self._idle.give_back(worker)
            self._workers.clear()
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.end()

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
        if start >= total:  # a run that was killed between its last record and its end
            chunk = end
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
        self._done = True

    def _task(self, chunk: int, start: int) -> Task:
        end = min((chunk + 1) * CHUNK, len(self._listing.entries))
        entries = self._listing.entries
        pictures = [(n, entries[n].name, entries[n].label) for n in range(start, end)]
        refused = {n: self._refused[n] for n in range(start, end) if n in self._refused}
        return Task(chunk, pictures, self._sums, refused)

    def _listen(self) -> None:
        """Wait for answers, for a second at most, and look after the workers."""
        poll = select.poll()
        by_descriptor = {worker.fileno(): worker for worker in self._workers}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(1000):
            worker = by_descriptor[descriptor]
            try:
                answers = worker.answers()
            except (EOFError, OSError):
                self._replace(worker, self._cause(worker))
                continue
            for answer in answers:
                self._take(worker, answer)
        for worker in self._workers:
            if worker.stuck_for() > TIME_LIMIT:
                self._replace(worker, f"decoding it takes longer than {TIME_LIMIT:g} seconds")

    def _take(self, worker: Worker, answer: Message) -> None:
        if isinstance(answer, Unfit):
            raise CaffeMnistError(answer.reason)
        assert isinstance(answer, Answer), answer
        worker.note(answer, CHUNK, len(self._listing.entries))
        self._pending.setdefault(answer.chunk, deque()).append((worker, answer))

    def _cause(self, worker: Worker) -> str:
        status = worker.process.wait()
        if status < 0:
            return f"OpenCV ended with {signal.Signals(-status).name} on it"
        return f"OpenCV ended with status {status} on it"

    def _replace(self, worker: Worker, cause: str) -> None:
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

    def _hire(self) -> Worker:
        return self._idle.take(self._instructions)
