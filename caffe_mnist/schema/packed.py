"""Weights in bulk: the binary messages with a blob's numbers as bytes.

On the wire a packed `repeated float` is a length and the little-endian numbers, just like a
`bytes` field. In a second private pool the number fields of `BlobProto` are declared as
repeated bytes, so that 60 million weights are read and written without a Python object each.
Files by other writers may hold numbers unpacked (one tag each); those parse as unknown fields
here and are read again with the ordinary messages.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, message

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary, write_binary

if TYPE_CHECKING:  # a job starts sooner without NumPy, which it needs for snapshots alone
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

# The field of a solver state that holds what only our engine keeps (engine/running_state.py): of
# a number far from Caffe's and from those that forks have taken. Caffe passes over it.
RUNNING_STATE = ("running_state", 50001)
NUMBERS = {"data": "<f4", "diff": "<f4", "double_data": "<f8", "double_diff": "<f8"}


@functools.cache
def packed(name: str) -> type[message.Message]:
    """The message class `name` (e.g. "NetParameter") with blobs' numbers as bytes."""
    return caffe_pb2.load(_declare_bytes)[name]  # type: ignore[no-any-return]


def read_packed(path: str | os.PathLike[str], name: str) -> Any:
    """Read message `name` from a binary file; use `numbers` and `shape` on its blobs."""
    return read_binary(path, packed(name))


def write_packed(path: str | os.PathLike[str], content: Any) -> None:
    """Write a message of `packed` to a binary file, aside first and then renamed."""
    write_binary(path, content)


def numbers(blob: Any, where: object, field: str = "data") -> Floats:
    """The numbers of a packed BlobProto as float32; double precision is narrowed.

    Raises CaffeMnistError when there are more or fewer than the blob's shape says.
    """
    import numpy as np

    values = _numbers(blob, field)
    if values is None and field in ("data", "diff"):
        values = _numbers(blob, f"double_{field}")
    if values is None:
        plain = caffe_pb2.BlobProto.FromString(blob.SerializeToString())
        values = np.array(getattr(plain, field) or getattr(plain, f"double_{field}"), np.float32)
    sizes = shape(blob)
    if values.size != math.prod(sizes) or min(sizes, default=0) < 0:
        raise CaffeMnistError(f"{values.size} numbers for a blob of shape {sizes}", where=where)
    return values.astype(np.float32, copy=False)


def shape(blob: Any) -> tuple[int, ...]:
    """A blob's shape; old files give num, channels, height and width instead."""
    old = ("num", "channels", "height", "width")
    if any(blob.HasField(name) for name in old):
        return tuple(getattr(blob, name) for name in old)
    return tuple(blob.shape.dim)


def fill_blob(blob: Any, values: Floats, diff: Floats | None = None) -> None:
    """Set shape and numbers of a packed BlobProto."""
    blob.shape.dim.extend(values.shape)
    blob.data.append(_bytes(values))
    if diff is not None:
        blob.diff.append(_bytes(diff))


def _bytes(values: Floats) -> bytes:
    import numpy as np

    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _numbers(blob: Any, field: str) -> npt.NDArray[Any] | None:
    import numpy as np

    chunks: Sequence[bytes] = getattr(blob, field)
    if not chunks:
        return None
    content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    size = np.dtype(NUMBERS[field]).itemsize
    if len(content) % size:
        raise CaffeMnistError(f"{field} of {len(content)} bytes is no list of numbers")
    return np.frombuffer(content, NUMBERS[field])


def _declare_bytes(file: descriptor_pb2.FileDescriptorProto) -> None:
    for kind in file.message_type:
        if kind.name == "BlobProto":
            for field in kind.field:
                if field.name in NUMBERS:
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("options")
        elif kind.name == "SolverState":
            field = kind.field.add(name=RUNNING_STATE[0], number=RUNNING_STATE[1])
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
