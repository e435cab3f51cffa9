"""Prototxt text with fields of forks: into messages, and back into text.

protobuf's parser refuses what the schema does not know. So the fields of forks are found by our
own (`prototxt.py`), parsed each by itself, blanked out (all else keeps its line and column), and
put into the message that the rest becomes (`forks.py` says how a message holds them).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from caffe_mnist.schema import forks
from caffe_mnist.schema.prototxt import Block, Field, PrototxtError, examine
from caffe_mnist.schema.values import is_repeated, kind_of

M = TypeVar("M", bound=Message)
Path = tuple[tuple[str, int], ...]


class _Piece(NamedTuple):
    """A fork's field in a text: the way to its message, its descriptor, and its place."""

    path: Path
    declared: Any
    start: int
    end: int


def parse(text: str, kind: type[M], where: object) -> M | None:
    """`text` as a message of class `kind`; None where no fork's field is in it.

    Raises protobuf's ParseError for what is wrong elsewhere, PrototxtError inside such a field.
    """
    block, faults = examine(text, kind.DESCRIPTOR)
    pieces = list(_pieces(text, block, ()))
    if not pieces:
        return None
    rest = text
    for piece in pieces:
        rest = rest[: piece.start] + _blank(text[piece.start : piece.end]) + rest[piece.end :]
    found = text_format.Parse(rest, kind())
    inside = [
        fault for fault in faults if any(one.start <= fault.offset < one.end for one in pieces)
    ]
    if inside:
        raise PrototxtError(where, text, inside)
    for piece in pieces:
        added = forks.message_of(piece.declared)()
        text_format.Parse(_blank(text[: piece.start]) + text[piece.start : piece.end], added)
        target: Any = found
        for name, index in piece.path:
            target = getattr(target, name)
            target = target if isinstance(target, Message) else target[index]
        forks.merge(target, added)
    return found


def to_text(message: Message) -> str:
    """`message` as prototxt, the fields of forks with it."""
    if not _has_added(message):
        return text_format.MessageToString(message)
    out = io.StringIO()
    _write(message, out, 0)
    return out.getvalue()


def shown(message: Message) -> str:
    """`message` as protobuf shows it in logs, the fields of forks with it."""
    return to_text(message) if _has_added(message) else str(message)


def _has_added(message: Message) -> bool:
    """Whether a fork's field is anywhere in it."""
    if forks.added_to(message):
        return True
    return any(
        _has_added(one)
        for declared, value in message.ListFields()
        if kind_of(declared) == "message"
        for one in (value if is_repeated(declared) else [value])
    )


def _write(message: Message, out: io.StringIO, indent: int) -> None:
    added = forks.added_to(message)
    taken = forks.numbers_of(message) if added else set()
    taken |= {declared.number for one in added for declared, _ in one.ListFields()}
    for declared, value in message.ListFields():
        if declared.number in taken:  # Caffe uses the number for something else
            continue
        for one in value if is_repeated(declared) else [value]:
            if kind_of(declared) == "message":
                out.write(f"{' ' * indent}{declared.name} {{\n")
                _write(one, out, indent + 2)
                out.write(f"{' ' * indent}}}\n")
            else:
                text_format.PrintField(declared, one, out, indent)
    for one in added:
        out.write(text_format.MessageToString(one, indent=indent))


def _pieces(text: str, block: Block, path: Path) -> Iterator[_Piece]:
    seen: Counter[str] = Counter()
    for item in block.fields:
        if item.declared is None:
            continue
        if forks.is_added(item.declared):
            if not (item.listed and seen[item.name]):
                yield _Piece(path, item.declared, item.start, _end(text, block, item))
        elif isinstance(item.value, Block):
            yield from _pieces(text, item.value, (*path, (item.name, seen[item.name])))
        seen[item.name] += 1


def _end(text: str, block: Block, item: Field) -> int:
    """Where a field ends: behind its brace or bracket, and a separator that may follow."""
    end = item.value.end + isinstance(item.value, Block)
    if item.listed:
        last = [one for one in block.fields if one.start == item.start][-1]
        end = text.index("]", last.value.end + isinstance(last.value, Block)) + 1
    rest = text[end:].lstrip()
    return len(text) - len(rest) + 1 if rest[:1] in (";", ",") else end


def _blank(text: str) -> str:
    """As long and with the same lines, but empty."""
    return "".join(letter if letter == "\n" else " " for letter in text)
