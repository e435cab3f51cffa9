"""Prototxt text as it is written: every field with its place, so that parts can be replaced.

protobuf's own parser gives a message and forgets where things stood. This one keeps offsets,
checks names and values against the schema, and reports all faults of a text at once. It takes
what real Caffe's parser takes and refuses what that refuses. The text format, in short:

    name: value      scalars; `#` starts a comment; `;` or `,` may stand after a field
    name { … }       messages, also `name: { … }` and `name < … >`
    name: [a, b]     several values of a repeated field
    "a" 'b'          neighbouring strings are one string
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from caffe_mnist.errors import ManyFaultsError
from caffe_mnist.schema import forks
from caffe_mnist.schema.tokens import NUMBER, Token, fault_of_character, tokens, unquote
from caffe_mnist.schema.values import fault_of_value, is_repeated, is_required, kind_of

DEEPEST = 100


@dataclass(frozen=True)
class Scalar:
    """One value: its place in the text, and what it means (strings without their quotes)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Block:
    """A message: the place between its braces, and its fields in order."""

    start: int
    end: int
    kind: Any
    fields: list[Field] = field(default_factory=list)

    def walk(self) -> Iterator[tuple[Block, Field]]:
        """Every field of this message and of those inside it, with the message it is in."""
        for item in self.fields:
            yield self, item
            if isinstance(item.value, Block):
                yield from item.value.walk()


@dataclass(frozen=True)
class Field:
    """One value of a field; `declared` is the field's descriptor in the schema.

    `start` is where the field's name stands, `end` where the last brace, bracket or value of what
    is written there ends; values of one list (`listed`) share both.
    """

    name: str
    start: int
    value: Union[Scalar, Block]  # noqa: UP007 (evaluated by Python 3.9)
    declared: Any
    listed: bool = False
    end: int = 0


@dataclass(frozen=True)
class Fault:
    """Something wrong at an offset of the text; `unknown`: a field that the schema lacks."""

    offset: int
    what: str
    unknown: bool = False


class PrototxtError(ManyFaultsError):
    """All faults of one text, each with its file, line and column."""

    def __init__(self, where: object, text: str, faults: Iterable[Fault]) -> None:
        super().__init__([f"{where}:{place(text, one.offset)}: {one.what}" for one in faults])


def place(text: str, offset: int) -> str:
    """`line:column` of an offset, both from 1."""
    starts = [0, *(match.end() for match in re.finditer("\n", text[:offset]))]
    line = bisect.bisect_right(starts, offset)
    return f"{line}:{offset - starts[line - 1] + 1}"


def parse(text: str, kind: Any, where: object) -> Block:
    """Parse `text` as a message of descriptor `kind`; raises PrototxtError with all faults."""
    block, faults = examine(text, kind)
    if faults:
        raise PrototxtError(where, text, faults)
    return block


def examine(text: str, kind: Any) -> tuple[Block, list[Fault]]:
    """Parse `text` and return what was found together with its faults.

    With `kind` None any name and value will do.
    """
    return _Parser(text).run(kind)


def replace(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """`text` with the spans (start, end) replaced; all else stays to the letter."""
    parts, at = [], 0
    for start, end, new in sorted(changes):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` where a known name resembles `name`, else nothing."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def unknown_fields(block: Block) -> Iterator[tuple[str, int, int]]:
    """Of fields that the schema does not know: `Message.name`, and their places in the text.

    What stands in an unknown message goes with it; of a list, all values are one.
    """
    seen: set[int] = set()
    for item in block.fields:
        if item.declared is not None:
            if isinstance(item.value, Block):
                yield from unknown_fields(item.value)
            continue
        if item.start in seen:
            continue
        seen.add(item.start)
        yield f"{block.kind.name}.{item.name}", item.start, item.end


class _StopError(Exception):
    """Parsing cannot go on (the fault is noted)."""


class _Parser:
    """Recursive descent over the tokens; faults are noted, unknown fields skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self.tokens = list(tokens(text))
        self.at = 0

    def run(self, kind: Any) -> tuple[Block, list[Fault]]:
        block = Block(0, len(self.text), kind)
        with contextlib.suppress(_StopError):
            self._fields(block, "end", 0)
        return block, sorted(self.faults, key=lambda fault: fault.offset)

    def _next(self) -> Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def _peek(self) -> str:
        return self.tokens[self.at].text

    def _fault(self, offset: int, what: str) -> None:
        self.faults.append(Fault(offset, what))

    def _stop(self, token: Token, expected: str) -> _StopError:
        if token.kind == "wrong":
            self._fault(token.start, fault_of_character(token.text))
        else:
            found = token.text if token.kind == "end" else repr(token.text)
            self._fault(token.start, f"expected {expected}, found {found}")
        return _StopError()

    def _fields(self, block: Block, end: str, depth: int) -> Token:
        if depth > DEEPEST:
            raise self._stop(self.tokens[self.at], f"at most {DEEPEST} messages in each other")
        seen: set[str] = set()
        while True:
            token = self._next()
            if token.kind == "end" if end == "end" else token.text == end:
                self._require(block, seen, token)
                return token
            if token.kind != "word":
                raise self._stop(token, "a field's name" + ("" if end == "end" else f" or {end!r}"))
            declared = self._declared(block, token, seen, depth)
            count = len(block.fields)
            self._statement(block, token, declared, depth)
            end_of_it = self.tokens[self.at - 1].end
            block.fields[count:] = [
                dataclasses.replace(one, end=end_of_it) for one in block.fields[count:]
            ]
            if self._peek() in (";", ","):
                self._next()

    def _declared(self, block: Block, token: Token, seen: set[str], depth: int) -> Any:
        """The field's descriptor; None, with a fault, if the message has no such field."""
        if block.kind is None:
            return None
        declared = block.kind.fields_by_name.get(token.text) or self._added(block, token, depth)
        if declared is None:
            what = f"{block.kind.name} has no field {token.text!r}"
            what += near(token.text, block.kind.fields_by_name)
            self.faults.append(Fault(token.start, what, unknown=True))
        elif token.text in seen and not is_repeated(declared):
            self._fault(token.start, f"{token.text} is given twice")
        seen.add(token.text)
        return declared

    def _added(self, block: Block, name: Token, depth: int) -> Any:
        """The field that a fork added under this name; of several the one that fits."""
        found = forks.candidates(block.kind, name.text)
        at, faults = self.at, len(self.faults)
        for declared in found if len(found) > 1 else ():
            with contextlib.suppress(_StopError):
                self._statement(Block(0, 0, block.kind), name, declared, depth)
            fits = len(self.faults) == faults
            self.at = at
            del self.faults[faults:]
            if fits:
                return declared
        return found[0] if found else None

    def _require(self, block: Block, seen: set[str], end: Token) -> None:
        for declared in block.kind.fields if block.kind else ():
            if is_required(declared) and declared.name not in seen:
                self._fault(end.start, f"{block.kind.name} needs {declared.name}")

    def _statement(self, block: Block, name: Token, declared: Any, depth: int) -> None:
        """What stands after a field's name: one value, or several in a list."""
        message = declared is None or kind_of(declared) == "message"
        if self._peek() == ":":
            self._next()
        elif not message or self._peek() not in ("{", "<", "["):
            wanted = "':'" if not message else "':' or '{'"
            raise self._stop(self.tokens[self.at], f"{wanted} after {name.text}")
        if self._peek() != "[":
            self._value(block, name, declared, depth, listed=False)
            return
        token = self._next()
        if declared is not None and not is_repeated(declared):
            self._fault(token.start, f"{name.text} holds one value, not a list")
        while self._peek() != "]" or self.tokens[self.at - 1].text == ",":
            self._value(block, name, declared, depth, listed=True)
            if self._peek() == ",":
                self._next()
            elif self._peek() != "]":
                raise self._stop(self.tokens[self.at], "',' or ']'")
        self._next()

    def _value(self, block: Block, name: Token, declared: Any, depth: int, listed: bool) -> None:
        message = declared is not None and kind_of(declared) == "message"
        value: Union[Scalar, Block]  # noqa: UP007 (evaluated by Python 3.9)
        if self._peek() in ("{", "<"):
            token = self._next()
            if declared is not None and not message:
                self._fault(token.start, f"{name.text} is no message")
            value = Block(token.end, token.end, declared.message_type if message else None)
            end = self._fields(value, "}" if token.text == "{" else ">", depth + 1)
            value = Block(token.end, end.start, value.kind, value.fields)
        else:
            value = self._scalar()
            if message:
                self._fault(value.start, f"{name.text} is a message: expected '{{'")
            elif declared is not None:
                self._check(declared, value)
        block.fields.append(Field(name.text, name.start, value, declared, listed))

    def _scalar(self) -> Scalar:
        token = self._next()
        if token.kind == "string":
            start, parts = token.start, [self._unquote(token)]
            while self.tokens[self.at].kind == "string":
                token = self._next()
                parts.append(self._unquote(token))
            return Scalar(start, token.end, "".join(parts))
        sign, start = "", token.start
        if token.text == "-":
            sign, token = "-", self._next()
        if token.kind not in ("number", "word"):
            raise self._stop(token, "a number" if sign else "a value")
        if token.kind == "number" and not NUMBER.fullmatch(token.text):
            self._fault(token.start, f"{token.text!r} is no number")
        return Scalar(start, token.end, sign + token.text)

    def _check(self, declared: Any, scalar: Scalar) -> None:
        quoted = self.text[scalar.start] in "\"'"
        kind = kind_of(declared)
        if kind in ("string", "bytes"):
            what = None if quoted else f"{declared.name} is a string: expected quotation marks"
        elif quoted:
            what = f"{declared.name} is no string: remove the quotation marks"
        else:
            what = fault_of_value(declared, scalar.text)
        noted = self.faults and scalar.start <= self.faults[-1].offset < scalar.end
        if what and not noted:
            self._fault(scalar.start, what)

    def _unquote(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            self._fault(token.start, str(error))
            return ""
