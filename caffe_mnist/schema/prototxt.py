"""Prototxt text as it is written: every field with its place, so that parts can be replaced.

protobuf's own parser gives a message and forgets where things stood. This one keeps offsets,
checks names and values against the schema, and reports all faults of a text at once. The text
format, in short:

    name: value      scalars; `#` starts a comment; `;` or `,` may stand after a field
    name { … }       messages, also `name: { … }` and `name < … >`
    name: [a, b]     several values of a repeated field
    "a" 'b'          neighbouring strings are one string
"""

from __future__ import annotations

import bisect
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from google.protobuf import text_encoding

from caffe_mnist.errors import CaffeMnistError

TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n\f\v]+|\#[^\n]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<sign>[{}<>\[\]:;,\-])""",
    re.VERBOSE,
)
INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
}
WORDS_OF_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass(frozen=True)
class Scalar:
    """One value: its place in the text, what stands there, and the string it means."""

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
    """One occurrence of a field; `declared` is its descriptor in the schema."""

    name: str
    start: int
    value: Union[Scalar, Block]  # noqa: UP007 (evaluated by Python 3.9)
    declared: Any


@dataclass(frozen=True)
class Fault:
    """Something wrong at an offset of the text."""

    offset: int
    what: str


class PrototxtError(CaffeMnistError):
    """All faults of one text; the first is the message's first line of thought."""

    def __init__(self, where: object, text: str, faults: list[Fault]) -> None:
        self.faults = [f"{where}:{place(text, fault.offset)}: {fault.what}" for fault in faults]
        super().__init__("; ".join(self.faults))


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
    """Parse `text` and return what was found together with its faults."""
    return _Parser(text).run(kind)


def quote(value: str) -> str:
    """A string as it is written in prototxt."""
    return f'"{text_encoding.CEscape(value.encode(), True)}"'


def replace(text: str, changes: list[tuple[int, int, str]]) -> str:
    """`text` with the spans (start, end) replaced; all else stays to the letter."""
    parts, at = [], 0
    for start, end, new in sorted(changes):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def is_repeated(declared: Any) -> bool:
    """Whether a field may occur several times (protobuf renamed the way to ask)."""
    try:
        return bool(declared.is_repeated)
    except AttributeError:
        return bool(declared.label == declared.LABEL_REPEATED)


def kind_of(declared: Any) -> str:
    """A field's type in the schema's words: message, enum, string, bool, float, int32, …"""
    names = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string", 11: "message",
             12: "bytes", 13: "uint32", 14: "enum"}  # fmt: skip
    return names.get(declared.type, "unknown")


def fault_of_value(declared: Any, text: str) -> str | None:
    """What is wrong with the scalar `text` as a value of the field, or None."""
    kind = kind_of(declared)
    if kind == "enum":
        known = [value.name for value in declared.enum_type.values]
        numbers = [str(value.number) for value in declared.enum_type.values]
        if text in known or text in numbers:
            return None
        return f"{declared.name} cannot be {text!r} (known: {', '.join(known)})"
    if kind == "bool":
        found = WORDS_OF_TRUTH.get(text.lower() if text in ("True", "False") else text)
        return None if found is not None else f"{declared.name} is true or false, not {text!r}"
    if kind in INTEGERS:
        least, most = INTEGERS[kind]
        try:
            number = _integer(text)
        except ValueError:
            return f"{declared.name} is a whole number, not {text!r}"
        return None if least <= number <= most else f"{declared.name} cannot hold {text}"
    try:
        float(text.lower().rstrip("f") if not text.lower().endswith("inf") else text)
    except ValueError:
        return f"{declared.name} is a number, not {text!r}"
    return None


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("-")
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", digits):
        return sign * int(digits, 16)
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _StopError(Exception):
    """Parsing cannot go on (the fault is noted)."""


class _Parser:
    """Recursive descent over the tokens; faults are noted, unknown fields skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self.tokens = list(self._tokens())
        self.at = 0

    def run(self, kind: Any) -> tuple[Block, list[Fault]]:
        block = Block(0, len(self.text), kind)
        with contextlib.suppress(_StopError):
            self._fields(block, "end", 0)
        return block, sorted(self.faults, key=lambda fault: fault.offset)

    def _tokens(self) -> Iterator[_Token]:
        at = 0
        while at < len(self.text):
            match = TOKEN.match(self.text, at)
            if match is None:
                what = "a string without its end" if self.text[at] in "\"'" else "cannot be here"
                self.faults.append(Fault(at, f"{self.text[at]!r}: {what}"))
                break
            if match.lastgroup != "skip":
                yield _Token(match.lastgroup or "", match.group(), at, match.end())
            at = match.end()
        yield _Token("end", "the end of the file", len(self.text), len(self.text))

    def _next(self) -> _Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def _peek(self) -> _Token:
        return self.tokens[self.at]

    def _stop(self, token: _Token, expected: str) -> _StopError:
        if not (token.kind == "end" and self.faults):
            self.faults.append(Fault(token.start, f"expected {expected}, found {token.text!r}"))
        return _StopError()

    def _fields(self, block: Block, end: str, depth: int) -> _Token:
        if depth > 100:
            raise self._stop(self._peek(), "fewer than 100 messages inside each other")
        seen: set[str] = set()
        while True:
            token = self._next()
            if token.text == end or token.kind == end == "end":
                return token
            if token.kind != "word":
                raise self._stop(token, "a field's name" + ("" if end == "end" else f" or {end!r}"))
            declared = block.kind.fields_by_name.get(token.text) if block.kind else None
            if block.kind is not None and declared is None:
                known = ", ".join(sorted(block.kind.fields_by_name))
                what = f"{block.kind.name} has no field {token.text!r}"
                self.faults.append(Fault(token.start, f"{what}{_near(token.text, known)}"))
            elif declared is not None and not is_repeated(declared):
                if token.text in seen:
                    self.faults.append(Fault(token.start, f"{token.text} is given twice"))
                seen.add(token.text)
            self._values(block, token, declared, depth)
            if self._peek().text in (";", ","):
                self._next()

    def _values(self, block: Block, name: _Token, declared: Any, depth: int) -> None:
        colon = self._peek().text == ":"
        if colon:
            self._next()
        token = self._peek()
        if token.text == "[":
            self._next()
            if declared is not None and not is_repeated(declared):
                self.faults.append(Fault(token.start, f"{name.text} holds one value, not a list"))
            while self._peek().text != "]":
                self._value(block, name, declared, depth)
                if self._peek().text == ",":
                    self._next()
                elif self._peek().text != "]":
                    raise self._stop(self._peek(), "',' or ']'")
            self._next()
        elif token.text in ("{", "<") or colon:
            self._value(block, name, declared, depth)
        else:
            raise self._stop(token, "':' or '{' after " + name.text)

    def _value(self, block: Block, name: _Token, declared: Any, depth: int) -> None:
        token = self._peek()
        message = declared is not None and kind_of(declared) == "message"
        if token.text in ("{", "<"):
            self._next()
            if declared is not None and not message:
                self.faults.append(Fault(token.start, f"{name.text} is no message"))
            inner = Block(token.end, token.end, declared.message_type if message else None)
            end = self._fields(inner, "}" if token.text == "{" else ">", depth + 1)
            inner = Block(token.end, end.start, inner.kind, inner.fields)
            block.fields.append(Field(name.text, name.start, inner, declared))
            return
        scalar = self._scalar()
        if message:
            self.faults.append(Fault(scalar.start, f"{name.text} is a message: expected '{{'"))
        elif declared is not None:
            self._check(declared, scalar)
        block.fields.append(Field(name.text, name.start, scalar, declared))

    def _scalar(self) -> Scalar:
        token = self._next()
        if token.kind == "string":
            start, parts = token.start, [token.text]
            while self._peek().kind == "string":
                token = self._next()
                parts.append(token.text)
            return Scalar(start, token.end, "".join(self._unquote(part, start) for part in parts))
        if token.text == "-":
            number = self._next()
            if number.kind not in ("number", "word"):
                raise self._stop(number, "a number")
            return Scalar(token.start, number.end, "-" + number.text)
        if token.kind in ("number", "word"):
            return Scalar(token.start, token.end, token.text)
        raise self._stop(token, "a value")

    def _check(self, declared: Any, scalar: Scalar) -> None:
        quoted = self.text[scalar.start] in "\"'"
        kind = kind_of(declared)
        if kind in ("string", "bytes"):
            what = None if quoted else f"{declared.name} is a string: expected quotation marks"
        elif quoted:
            what = f"{declared.name} is no string: remove the quotation marks"
        else:
            what = fault_of_value(declared, scalar.text)
        if what:
            self.faults.append(Fault(scalar.start, what))

    def _unquote(self, part: str, start: int) -> str:
        try:
            return text_encoding.CUnescape(part[1:-1]).decode()
        except (ValueError, UnicodeDecodeError):
            self.faults.append(Fault(start, "a string with an escape that means nothing"))
            return ""


def _near(name: str, known: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, known.split(", "), 1)
    return f" (did you mean {close[0]}?)" if close else ""
