"""One record of a database, a `Datum` message, read without protobuf where it is an 8-bit image.

`record.py` has the usual bytes. Further fields: 6 float_data (instead of data), 7 encoded (data
is a JPEG or PNG file). A reader takes the fields in any order, as protobuf does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from caffe_mnist.datasets.record import head, tail, varint
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import numpy as np

    from caffe_mnist.schema.caffe_pb2 import Datum

Value = Union[bytes, memoryview]


class Image(NamedTuple):
    """An 8-bit image: `pixels` are channels * height * width bytes, channel by channel."""

    channels: int
    height: int
    width: int
    pixels: Value
    label: int


def decode(value: Value, key: object = None, where: object = None) -> Image | Datum:
    """Read one record: an Image, or the message itself for floats and encoded images.

    The pixels of an Image are a slice of `value` (no copy when that is a memoryview). Raises
    CaffeMnistError naming the database `where` and the record's `key` for bytes that are no
    Datum or that hold more or fewer pixels than the record's size needs.
    """
    try:
        image = _read_image(value)
    except (IndexError, ValueError):
        raise _broken(f"not a Datum: {len(value)} bytes that do not parse", key, where) from None
    if image is not None:
        _check_size(len(image.pixels), "bytes of pixels", image, key, where)
        return image
    message = _read_message(value, key, where)
    if message.encoded:
        if not message.data:
            raise _broken("an encoded image of 0 bytes", key, where)
        return message
    if message.float_data:
        size = (message.channels, message.height, message.width)
        _check_size(len(message.float_data), "floats", size, key, where)
        return message
    return decode(_plain(message), key, where)


def decode_batch(
    records: Sequence[tuple[bytes, Value]], where: object = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Pixels (uint8, N x channels x height x width) and labels (int64, N) of 8-bit images.

    `records` are pairs of key and value, as a Database gives them. None when one of them holds
    floats or an encoded image: those are for `decode`, one by one. Raises CaffeMnistError for
    broken records and for sizes that differ, naming the key.
    """
    import numpy as np

    key, value = records[0]
    first = decode(value, key, where)
    if not isinstance(first, Image):
        return None
    shape = (len(records), first.channels, first.height, first.width)
    start, size = len(head(*first[:3])), len(first.pixels)
    if _same_form(records, head(*first[:3]), len(value), start + size):
        table = np.frombuffer(b"".join([value for _, value in records]), np.uint8)
        table = table.reshape(len(records), len(value))
        pixels = np.ascontiguousarray(table[:, start : start + size])
        return pixels.reshape(shape), table[:, -1].astype(np.int64)
    images = []
    for key, value in records:
        image = decode(value, key, where)
        if not isinstance(image, Image):
            return None
        if image[:3] != first[:3]:
            one, other = (" x ".join(map(str, size[:3])) for size in (image, first))
            raise _broken(f"{one}, unlike {other} of the records before it", key, where)
        images.append(image)
    pixels = np.frombuffer(b"".join([image.pixels for image in images]), np.uint8)
    return pixels.reshape(shape), np.array([image.label for image in images], np.int64)


def _same_form(
    records: Sequence[tuple[bytes, Value]], start: bytes, length: int, label_at: int
) -> bool:
    """Whether every record is `start`, pixels and a label of one byte: most datasets are."""
    if length != label_at + 2:
        return False
    return all(
        len(value) == length
        and value[: len(start)] == start
        and value[label_at] == 0x28
        and value[label_at + 1] < 0x80
        for _, value in records
    )


def _read_image(value: Value) -> Image | None:
    """The fields of an 8-bit image; None when a field needs the whole message.

    Raises IndexError or ValueError for bytes that are no message.
    """
    sizes = [0, 0, 0, 0, 0, 0]
    pixels: Value = b""
    at, end = 0, len(value)
    while at < end:
        tag = value[at]
        if tag in (0x08, 0x10, 0x18, 0x28):
            sizes[tag >> 3], at = _read_varint(value, at + 1)
        elif tag == 0x22:
            size, at = _read_varint(value, at + 1)
            if at + size > end:
                raise ValueError("the pixels end before their length")
            pixels, at = value[at : at + size], at + size
        elif tag == 0x38 and value[at + 1] == 0:
            at += 2
        else:
            return None
    _, channels, height, width, _, label = (_int32(size) for size in sizes)
    if min(channels, height, width) < 0:
        raise ValueError("a negative size")
    return Image(channels, height, width, pixels, label)


def _read_varint(value: Value, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends."""
    found = shift = 0
    while True:
        byte = value[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def _int32(number: int) -> int:
    """Protobuf writes an int32 in 64 bits and keeps the lower 32 of what it reads."""
    number &= 0xFFFFFFFF
    return number - 0x100000000 if number & 0x80000000 else number


def _read_message(value: Value, key: object, where: object) -> Datum:
    from google.protobuf.message import DecodeError

    from caffe_mnist.schema.caffe_pb2 import Datum
    from caffe_mnist.schema.messages import parse_binary

    try:
        return parse_binary(bytes(value), Datum)
    except DecodeError:
        raise _broken(f"not a Datum: {len(value)} bytes that do not parse", key, where) from None


def _plain(message: Datum) -> bytes:
    """The record of an 8-bit image that had fields which we do not know."""
    size = (message.channels, message.height, message.width)
    start = b"".join(bytes([i << 3]) + varint(n & 0xFFFFFFFF) for i, n in enumerate(size, 1))
    return start + b"\x22" + varint(len(message.data)) + message.data + tail(message.label)


def _check_size(found: int, what: str, size: tuple[Any, ...], key: object, where: object) -> None:
    channels, height, width = size[:3]
    needed = channels * height * width
    if found != needed or not needed:
        shape = f"{channels} x {height} x {width}"
        raise _broken(f"{found} {what} where {shape} needs {needed}", key, where)


def _broken(what: str, key: object, where: object) -> CaffeMnistError:
    name = key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key
    record = f"record {name}: " if name is not None else ""
    return CaffeMnistError(record + what, where=where)
