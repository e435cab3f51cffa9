"""One of the processes that decode: python -m caffe_mnist.datasets.pictures.worker, by crew.py.

It is a process of its own so that a decoder that crashes or never returns costs one picture, and
what decoders print reaches nobody's terminal: it goes into a file that is read for reasons.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np

from caffe_mnist.datasets.pictures.decode import Bytes, Picture, pixels_of, read_file, read_picture
from caffe_mnist.datasets.pictures.exchange import (
    DECODING,
    LARGE,
    LARGE_SLOT,
    PAGE,
    SLOT,
    SLOTS,
    WAITING,
    Answer,
    Instructions,
    Message,
    Record,
    Release,
    Shape,
    SharedMemory,
    Task,
    Unfit,
    packed,
    unpacked,
)
from caffe_mnist.datasets.pictures.header import BrokenPictureError, read_header
from caffe_mnist.datasets.pictures.pipes import Receiver, Sender
from caffe_mnist.datasets.record import encoded_head, head, tail

# Pictures of more pixels than this one worker decodes at a time, so that memory stays bounded.
ALONE = 1 << 24
# Caffe's tools set the field `encoded` of every record.
PLAIN, ENCODED = b"\x38\x00", b"\x38\x01"
NOTE = re.compile(rb"^(?:libpng error: |Corrupt JPEG data: )(.+)", re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Work until the pipe of commands is closed; `arguments` are descriptors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the crew's to answer
    cv2.setNumThreads(1)
    memory, gate, commands, answers = map(int, arguments)
    with contextlib.suppress(EOFError, BrokenPipeError):
        Worker(SharedMemory(memory), gate, Receiver(commands), Sender(answers)).work()


class Worker:
    """Takes tasks and answers them in parts, each of which fills a slot of the shared memory."""

    def __init__(
        self, memory: SharedMemory, gate: int, commands: Receiver, answers: Sender
    ) -> None:
        self._memory = memory
        self._bytes = np.frombuffer(memory.map, np.uint8)
        self._gate = gate
        self._commands = commands
        self._answers = answers
        self._tasks: deque[Task] = deque()
        self._free = set(range(SLOTS + 1))

    def work(self) -> None:
        """Do tasks as they come; EOFError ends it."""
        self._memory.tell(WAITING)
        while True:
            while not self._tasks:
                self._listen()
            self._do(self._tasks.popleft())

    def _instruct(self, instructions: Instructions) -> None:
        self._root, self._decoding = instructions
        kind = self._decoding.encode_type
        if kind and not cv2.haveImageWriter(f".{kind.lower()}"):
            self._answers.send(packed(Unfit(f"{kind}: OpenCV writes no such pictures")))

    def _listen(self) -> None:
        for command in self._commands.receive():
            self._take(unpacked(command))

    def _take(self, command: Message) -> None:
        if isinstance(command, Task):
            self._tasks.append(command)
            return
        if isinstance(command, Instructions):
            self._instruct(command)
            return
        assert isinstance(command, Release), command
        if command.slot == LARGE_SLOT:
            self._memory.release_large()
        self._free.add(command.slot)

    def _do(self, task: Task) -> None:
        part = _Part(task)
        for number, name, label in task.pictures:
            try:
                picture = self._picture(number, name, task)
                self._put(part, number, label, picture)
            except BrokenPictureError as error:
                part.skipped.append((number, str(error)))
            except MemoryError:
                part.skipped.append((number, "too large: no memory left for it"))
            part.following = number + 1
        self._send(part)

    def _picture(self, number: int, name: str, task: Task) -> Picture:
        if number in task.refused:
            raise BrokenPictureError(task.refused[number])
        self._memory.tell(DECODING, number)
        try:
            content = read_file(self._root + name)
            header = read_header(content)
            with self._alone(number, header.width * header.height):
                try:
                    return read_picture(content, header, name, self._decoding)
                except BrokenPictureError as error:
                    raise BrokenPictureError(f"{error}{_note()}") from None
        finally:
            _forget_notes()

    @contextlib.contextmanager
    def _alone(self, number: int, pixels: int) -> Iterator[None]:
        if pixels <= ALONE:
            yield
            return
        self._memory.tell(WAITING)
        fcntl.lockf(self._gate, fcntl.LOCK_EX)
        try:
            self._memory.tell(DECODING, number)
            yield
        finally:
            fcntl.lockf(self._gate, fcntl.LOCK_UN)

    def _put(self, part: _Part, number: int, label: int, picture: Picture) -> None:
        """Write one record where there is room for it, and the pixels of an encoded one."""
        shape = _shape(picture.pixels)
        seen: Bytes | None = None
        if picture.encoded is None:
            start, end, size = head(*shape), tail(label) + PLAIN, picture.pixels.size
        else:
            size = len(picture.encoded)
            start, end = encoded_head(size), tail(label) + ENCODED
            if part.task.sums:
                seen = pixels_of(picture.encoded)
        whole = len(start) + size + len(end)
        at, target = self._room(part, whole + (0 if seen is None else seen.size))
        target[: len(start)] = np.frombuffer(start, np.uint8)
        middle = len(start) + size
        target[middle:whole] = np.frombuffer(end, np.uint8)
        pixels: tuple[int, Shape] | None = (at + len(start), shape)
        if picture.encoded is None:
            _channel_by_channel(picture.pixels, target[len(start) : middle])
        else:
            target[len(start) : middle] = np.frombuffer(picture.encoded, np.uint8)
            pixels = None
        if seen is not None:
            _channel_by_channel(seen, target[whole : whole + seen.size])
            pixels = (at + whole, _shape(seen))
        sides = (picture.height, picture.width)
        part.records.append(Record(number, at, whole, shape, sides, pixels))

    def _room(self, part: _Part, size: int) -> tuple[int, Bytes]:
        """Where `size` bytes may be written, after what the part has already, and that memory."""
        if part.slot is not None and part.used + size > SLOT:
            self._send(part)
        if size > SLOT:
            part.slot, part.used = self._free_slot({LARGE_SLOT}), SLOT  # nothing goes with it
            return LARGE, np.frombuffer(self._memory.large(size), np.uint8)
        if part.slot is None:
            part.slot = self._free_slot(set(range(SLOTS)))
        at = PAGE + part.slot * SLOT + part.used
        part.used += size
        return at, self._bytes[at : at + size]

    def _free_slot(self, wanted: set[int]) -> int:
        """One of the slots; if all are in use, the first that the crew releases."""
        self._memory.tell(WAITING)
        while not wanted & self._free:
            self._listen()
        slot = min(wanted & self._free)
        self._free.remove(slot)
        return slot

    def _send(self, part: _Part) -> None:
        """Send what the part holds, and begin the next."""
        self._memory.tell(WAITING)
        chunk, following = part.task.chunk, part.following
        answer = Answer(chunk, part.slot, part.records, part.skipped, following)
        self._answers.send(packed(answer))
        part.slot, part.used, part.records, part.skipped = None, 0, [], []


class _Part:
    """What of a task is decoded, and not yet sent."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.slot: int | None = None
        self.used = 0
        self.records: list[Record] = []
        self.skipped: list[tuple[int, str]] = []
        self.following = task.pictures[0][0]


def _shape(pixels: Bytes) -> Shape:
    height, width = pixels.shape[:2]
    return (1 if pixels.ndim == 2 else pixels.shape[2], height, width)


def _channel_by_channel(pixels: Bytes, target: Bytes) -> None:
    """Write H × W × C (or H × W) as C × H × W."""
    planes = target.reshape(_shape(pixels))
    if pixels.ndim == 2:
        planes[0] = pixels
    else:  # three times as fast as NumPy's transposing
        cv2.split(pixels, list(planes))


def _note() -> str:
    """What a decoding library said last, to its standard error."""
    found = NOTE.findall(os.pread(2, 4096, 0))
    return f": {found[-1].decode('ascii', 'replace').strip()[:100]}" if found else ""


def _forget_notes() -> None:
    if os.fstat(2).st_size:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)


if __name__ == "__main__":
    main(sys.argv[1:])
