"""Messages between a script and its envoy: JSON, and bytes as they are.

    8 bytes     length of the JSON, little-endian
    JSON        {"message": ..., "sizes": [...]}; a list [KIND, ...] stands for what JSON has not
    bytes       those of each size, one after the other

Nothing is made from a message but plain values, what a look found, and exceptions of Python's own.
"""

from __future__ import annotations

import builtins
import json
import struct
from typing import IO, Any

from caffe_mnist.moxing.objects import Look
from caffe_mnist.storage.entries import Entry

LENGTH = struct.Struct("<Q")
VALUE, LIST, TUPLE, BYTES, ENTRY, LOOK, ERROR = range(7)
PIECE = 2**20


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message; raises BrokenPipeError where nobody reads it."""
    blobs: list[bytes] = []
    packed = _packed(message, blobs)
    content = json.dumps({"message": packed, "sizes": [len(one) for one in blobs]}).encode("ascii")
    for part in (LENGTH.pack(len(content)) + content, *blobs):
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def receive(pipe: IO[bytes]) -> Any:
    """Read a message; raises EOFError at the end."""
    (length,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    content = json.loads(_exactly(pipe, length))
    blobs = [_exactly(pipe, size) for size in content["sizes"]]
    return _unpacked(content["message"], blobs)


def _packed(value: Any, blobs: list[bytes]) -> list[Any]:
    if value is None or isinstance(value, (str, int, float)):
        return [VALUE, value]
    if isinstance(value, bytes):
        blobs.append(value)
        return [BYTES, len(blobs) - 1]
    if isinstance(value, Entry):
        return [ENTRY, value.name, value.size, value.modified, value.e_tag]
    if isinstance(value, Look):
        return [LOOK, value.kind, value.size, value.modified]
    if isinstance(value, (list, tuple)):
        kind = LIST if isinstance(value, list) else TUPLE
        return [kind, *(_packed(one, blobs) for one in value)]
    if isinstance(value, Exception):
        words = [one if isinstance(one, (str, int)) else str(one) for one in value.args]
        if isinstance(value, OSError) and value.filename is not None:
            words.append(str(value.filename))
        return [ERROR, type(value).__name__, words, str(value)]
    raise TypeError(f"{type(value).__name__} is not sent")


def _unpacked(packed: list[Any], blobs: list[bytes]) -> Any:
    kind, *parts = packed
    if kind == VALUE:
        return parts[0]
    if kind == BYTES:
        return blobs[parts[0]]
    if kind == ENTRY:
        return Entry(*parts)
    if kind == LOOK:
        return Look(*parts)
    if kind == ERROR:
        return _error(*parts)
    values = [_unpacked(one, blobs) for one in parts]
    return values if kind == LIST else tuple(values)


def _error(name: str, words: list[Any], text: str) -> Exception:
    """An exception of Python's own of that name, otherwise a RuntimeError that tells it."""
    found = getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, Exception):
        try:
            return found(*words)
        except TypeError:
            pass
    return RuntimeError(f"{name}: {text}")


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    pieces = []
    while size:
        piece = pipe.read(min(size, PIECE))
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
