"""What the crew and its workers exchange: messages in pipes, and records in shared memory.

The memory of one worker, a file without a name that both have mapped:

    0                  state, a byte: STARTING, WAITING or DECODING
    8                  number of the picture being decoded, 8 bytes
    PAGE + slot * SLOT records of one answer, for each slot; reused once it is released
    LARGE              a record that is larger than a slot
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from dataclasses import astuple
from typing import Any, NamedTuple, Union

from caffe_mnist.datasets.pictures.listing import Decoding

STARTING, WAITING, DECODING = 0, 1, 2
PAGE, SLOT, SLOTS = 1 << 16, 1 << 22, 3
LARGE = PAGE + SLOTS * SLOT
LARGE_SLOT = SLOTS


Shape = tuple[int, int, int]


class Instructions(NamedTuple):
    """What is to be made of the pictures whose names follow, and the folder they are in."""

    root: str
    decoding: Decoding


class Task(NamedTuple):
    """Pictures to decode: number, name and label of each, in the order of their numbers.

    `sums` asks for the pixels of encoded records, too. `refused` are those not to be tried
    again, and why.
    """

    chunk: int
    pictures: list[tuple[int, str, int]]
    sums: bool
    refused: dict[int, str]


class Release(NamedTuple):
    """The crew has done with a slot's records."""

    slot: int


class Record(NamedTuple):
    """Where a record stands in the shared memory, and what picture it holds.

    The record's value is the `size` bytes from `at` on, and `shape` its C, H and W. `sides` are
    height and width before any resizing. `pixels` is where pixels stand, and their C, H and W.
    """

    number: int
    at: int
    size: int
    shape: Shape
    sides: tuple[int, int]
    pixels: tuple[int, Shape] | None


class Answer(NamedTuple):
    """Some pictures of a task, in order: records in one slot, and why others were skipped.

    `following` is the number of the first picture that is in no answer yet.
    """

    chunk: int
    slot: int | None
    records: list[Record]
    skipped: list[tuple[int, str]]
    following: int


class Unfit(NamedTuple):
    """Why a worker cannot work at all."""

    reason: str


Command = Union[Instructions, Task, Release]
Message = Union[Command, Answer, Unfit]
KINDS = (Instructions, Task, Release, Answer, Unfit)


def packed(message: Message) -> list[Any]:
    """What stands for a message in JSON."""
    if isinstance(message, Instructions):
        return [0, message.root, astuple(message.decoding)]
    if isinstance(message, Task):
        chunk, pictures, sums, refused = message
        return [1, chunk, pictures, sums, list(refused.items())]
    return [KINDS.index(type(message)), *message]


def unpacked(content: list[Any]) -> Message:
    """The message that a list stands for."""
    kind, *fields = content
    if kind == 0:
        return Instructions(fields[0], Decoding(*fields[1]))
    if kind == 1:
        chunk, pictures, sums, refused = fields
        return Task(chunk, pictures, sums, dict(refused))
    if kind == 3:
        chunk, slot, records, skipped, following = fields
        faults = [(number, reason) for number, reason in skipped]
        return Answer(chunk, slot, [_record(one) for one in records], faults, following)
    return Release(*fields) if kind == 2 else Unfit(*fields)


def _record(fields: list[Any]) -> Record:
    number, at, size, shape, sides, pixels = fields
    seen = pixels and (pixels[0], tuple(pixels[1]))
    return Record(number, at, size, tuple(shape), tuple(sides), seen)


class SharedMemory:
    """The memory of one worker; `descriptor` is inherited by the worker, which maps it, too."""

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = _nameless_file()
            os.ftruncate(descriptor, LARGE)
        self.descriptor = descriptor
        self.map = mmap.mmap(descriptor, LARGE)
        self._large: mmap.mmap | None = None

    @property
    def state(self) -> tuple[int, int]:
        """What the worker does, and with which picture."""
        return self.map[0], int(struct.unpack_from("<q", self.map, 8)[0])

    def tell(self, state: int, number: int = -1) -> None:
        """Set the state."""
        struct.pack_into("<q", self.map, 8, number)
        self.map[0] = state

    def large(self, size: int) -> mmap.mmap:
        """The place for one large record, of `size` bytes from LARGE on; MemoryError if none."""
        try:
            if os.fstat(self.descriptor).st_size < LARGE + size:
                os.ftruncate(self.descriptor, LARGE + size)
            self._large = mmap.mmap(self.descriptor, size, offset=LARGE)
        except OSError:
            raise MemoryError from None
        return self._large

    def release_large(self) -> None:
        """Give its memory back; views of it must not be used any more."""
        self.forget_large()  # unmapped when the last view goes
        os.ftruncate(self.descriptor, LARGE)

    def view(self, at: int, size: int) -> memoryview:
        """Bytes of a record; those of a large one until it is forgotten."""
        if at < LARGE:
            return memoryview(self.map)[at : at + size]
        if self._large is None:
            self._large = mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ)
        return memoryview(self._large)[at : at + size]

    def forget_large(self) -> None:
        """The large record is not looked at any more."""
        self._large = None

    def __del__(self) -> None:
        os.close(self.descriptor)


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("caffe_mnist")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
