"""Messages on disk: prototxt text and Caffe's binary files.

Nets and solvers are protobuf text (`.prototxt`); weights (`.caffemodel`), solver states
(`.solverstate`) and mean images (`.binaryproto`) are single binary messages without a header.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import TypeVar

from google.protobuf import message, text_format

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.schema import fork_text
from caffe_mnist.schema.reading import known_only, with_values
from caffe_mnist.schema.values import is_repeated, kind_of

M = TypeVar("M", bound=message.Message)

# protobuf's wire format addresses at most 2 GiB in one message.
LARGEST_MESSAGE = 2**31 - 1


def read_text(path: str | os.PathLike[str], kind: type[M]) -> M:
    """Read one message of class `kind` from a prototxt file.

    Raises CaffeMnistError naming file, line and column for anything but a complete, valid
    message of known fields. Variables (`${NAME}`) have their values, unknown fields are passed
    over where the command allows it: schema/reading.py.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    except UnicodeDecodeError:
        raise CaffeMnistError("not a prototxt: the file is not UTF-8 text", where=path) from None
    return parse_text(with_values(text, path), kind, path)


def parse_text(text: str, kind: type[M], where: object) -> M:
    """Parse prototxt `text` into a message of class `kind`; `where` names it in errors."""
    text = known_only(text, kind.DESCRIPTOR, where)
    try:
        found = _parse(text, kind, where)
    except text_format.ParseError as error:
        what = re.sub(r"^\d+:\d+ : ", "", str(error))
        line, column = error.GetLine(), error.GetColumn()
        place = where if line is None else f"{where}:{line}:{column}"
        raise CaffeMnistError(what, where=place) from None
    if "\\" in text or "\0" in text:
        _check_strings(found, where)
    return found


def _parse(text: str, kind: type[M], where: object) -> M:
    """As protobuf does; what it does not know may be a fork's."""
    try:
        return text_format.Parse(text, kind())
    except text_format.ParseError:
        found = fork_text.parse(text, kind, where)
        if found is None:
            raise
        return found


def _check_strings(content: message.Message, where: object) -> None:
    """Raise CaffeMnistError for a name or path that is no UTF-8 or holds a zero byte.

    Whoever uses one would fail in words of his own.
    """
    for declared, value in content.ListFields():
        if kind_of(declared) not in ("message", "string"):
            continue
        for one in value if is_repeated(declared) else [value]:
            if isinstance(one, message.Message):
                _check_strings(one, where)
            elif isinstance(one, bytes) or "\0" in one:
                raise CaffeMnistError(f"{declared.name} is no text: {one!r:.60}", where=where)


def write_text(path: str | os.PathLike[str], content: message.Message) -> None:
    """Write `content` as prototxt, aside first and then renamed."""
    with replacing(path) as aside:
        aside.write_text(fork_text.to_text(content), encoding="utf-8")


def read_binary(path: str | os.PathLike[str], kind: type[M]) -> M:
    """Read one binary message of class `kind`; raises CaffeMnistError for anything else."""
    try:
        size = os.stat(path).st_size
        if size > LARGEST_MESSAGE:
            raise CaffeMnistError(f"{size} bytes, more than a binary message holds", where=path)
        content = Path(path).read_bytes()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    name = kind.DESCRIPTOR.name
    try:
        found = parse_binary(content, kind)
        _check_strings(found, path)
        return found
    except (message.DecodeError, UnicodeDecodeError):
        raise CaffeMnistError(
            f"not a binary {name}: {len(content)} bytes that do not parse",
            where=path,
            hint="the file is truncated, damaged or of another format",
        ) from None


def parse_binary(content: bytes, kind: type[M]) -> M:
    """Parse all of `content` into a message of class `kind`; raises protobuf's DecodeError.

    Where a stray end of a group cuts it short, protobuf 3.16 only warns, and stops there.
    """
    found = kind()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            size = found.MergeFromString(content)
        except RecursionError:  # of its form in plain Python
            raise message.DecodeError("groups in groups without end") from None
    if size != len(content):
        raise message.DecodeError("not all of it is a message")
    return found


def write_binary(path: str | os.PathLike[str], content: message.Message) -> None:
    """Write `content` in binary, aside first and then renamed; refuses more than 2 GiB."""
    try:
        binary = content.SerializeToString()
    except (message.EncodeError, ValueError):  # protobuf gives no other sign of the size
        binary = None
    if binary is None or len(binary) > LARGEST_MESSAGE:
        raise CaffeMnistError(
            "is to hold more than the 2 GiB of a binary message",
            where=path,
            hint="use snapshot_format: HDF5",
        )
    with replacing(path) as aside:
        aside.write_bytes(binary)
