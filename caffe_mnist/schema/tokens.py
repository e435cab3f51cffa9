"""The tokens of prototxt text, as the tokenizer of Caffe's protobuf divides them.

Checked case by case against real Caffe: a number ends where a letter may not follow, `010` is
octal, strings stay on one line, control characters have no place even in comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n\f\v]+|\#[^\n\0]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>\.?[0-9](?:[eE][+-]|[A-Za-z0-9_.])*)
      | (?P<string>"(?:[^"\\\n\0]|\\[^\n\0])*"|'(?:[^'\\\n\0]|\\[^\n\0])*')
      | (?P<sign>[{}<>\[\]:;,\-])""",
    re.VERBOSE,
)
NUMBER = re.compile(
    r"0[xX][0-9a-fA-F]+|0[0-7]+|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?"
)
ESCAPE = re.compile(
    r"""\\(?:(?P<octal>[0-7]{1,3}) | x(?P<hex>[0-9a-fA-F]{1,2})
      | u(?P<pair>[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
      | u(?P<short>[0-9a-fA-F]{4}) | U(?P<long>[0-9a-fA-F]{8}) | (?P<one>.))""",
    re.VERBOSE | re.DOTALL,
)
ONE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11,
       "\\": 92, "?": 63, "'": 39, '"': 34}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One token: skip is never seen; word, number, string, sign, end, or wrong."""

    kind: str
    text: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`; `wrong` for what is none, `end` last of all."""
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            yield Token("wrong", text[at], at, at + 1)
            break
        if match.lastgroup != "skip":
            yield Token(match.lastgroup or "", match.group(), at, match.end())
        at = match.end()
    yield Token("end", "the end of the file", len(text), len(text))


def fault_of_character(character: str) -> str:
    """Why no token begins with `character`."""
    if character in "\"'":
        return "a string without its end"
    if character == "\ufeff":
        return "a byte order mark, which Caffe refuses: save the file without it"
    if character.isprintable() and character.isascii():
        return f"{character!r} cannot be here"
    return f"the character {character!a} cannot be here"


def unquote(part: str) -> str:
    """What a string token means; raises ValueError for an escape that means nothing.

    Bytes that are no UTF-8 are kept as Python's surrogate escapes: a path may hold any.
    """
    value, at, inner = bytearray(), 0, part[1:-1]
    for match in ESCAPE.finditer(inner):
        value += inner[at : match.start()].encode("utf-8", "surrogateescape")
        value += _escaped(match)
        at = match.end()
    value += inner[at:].encode("utf-8", "surrogateescape")
    return value.decode("utf-8", "surrogateescape")


def quote(value: str, mark: str = '"') -> str:
    """A string as it is written in prototxt, between `mark`s."""
    escaped = re.sub(r"[\\\0-\x1f\x7f]", lambda found: _escape(found.group()), value)
    return mark + escaped.replace(mark, "\\" + mark) + mark


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    named = {10: "\\n", 13: "\\r", 9: "\\t"}
    return named.get(ord(character), f"\\{ord(character):03o}")


def _escaped(match: re.Match[str]) -> bytes:
    if match["octal"]:
        return bytes([int(match["octal"], 8) & 0xFF])
    if match["hex"]:
        return bytes([int(match["hex"], 16)])
    if match["one"]:
        if match["one"] not in ONE:
            raise ValueError(f"the escape {match.group()} means nothing")
        return bytes([ONE[match["one"]]])
    if match["pair"]:
        return bytes.fromhex(match["pair"].replace("\\u", "")).decode("utf-16-be").encode()
    code = int(match["short"] or match["long"], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError(f"the escape {match.group()} is no character")
    return chr(code).encode()
