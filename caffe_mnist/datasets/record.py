"""The bytes of a record: an 8-bit image in a `Datum` message.

Or numbers in single precision, in the same message, as pycaffe's `array_to_datum` writes them: no
data and no label, but for each number `35` and four bytes (float_data).

In the order in which Caffe's own programs write the fields of an image:

    08 C      channels   (varint)
    10 H      height     (varint)
    18 W      width      (varint)
    22 N ...  data       (length as varint, then C*H*W bytes, channel by channel)
    28 L      label      (int32 as varint; absent when never set)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

VARINT, BYTES = 0, 2


@lru_cache(maxsize=64)
def head(channels: int, height: int, width: int) -> bytes:
    """All bytes of an image's record that stand before its pixels."""
    size = channels * height * width
    return b"".join(
        bytes([number << 3 | kind]) + varint(value)
        for number, kind, value in (
            (1, VARINT, channels),
            (2, VARINT, height),
            (3, VARINT, width),
            (4, BYTES, size),
        )
    )


def encoded_head(size: int) -> bytes:
    """The bytes before a picture file of `size` bytes: convert_imageset gives it no sides."""
    return b"\x22" + varint(size)


@lru_cache(maxsize=1024)
def tail(label: int) -> bytes:
    """All bytes of an image's record that stand after its pixels."""
    return b"\x28" + varint(label & 0xFFFFFFFFFFFFFFFF)


def floats(values: Sequence[float]) -> bytes:
    """The record of a column of numbers, `len(values)` x 1 x 1, in single precision."""
    sizes = b"\x08" + varint(len(values)) + b"\x10\x01\x18\x01"
    return sizes + b"".join(struct.pack("<Bf", 0x35, value) for value in values)


def varint(value: int) -> bytes:
    """Protobuf's variable-length form of a number from 0 to 2**64 - 1."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
