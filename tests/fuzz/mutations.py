"""Files that are nearly right: valid ones with bytes changed, cut, repeated, put in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as some

HOSTILE = (
    0,
    1,
    -1,
    2**7,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    -(2**63),
)


def varint(value: int) -> bytes:
    """A number as protobuf writes it, of up to ten bytes."""
    value &= 2**64 - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


@some.composite
def words(draw: some.DrawFn) -> bytes:
    """A hostile number as files hold them: 1 to 8 bytes of either order, or a varint."""
    value = draw(some.sampled_from(HOSTILE))
    form = draw(some.sampled_from(("little", "big", "varint")))
    if form == "varint":
        return varint(value)
    size = draw(some.sampled_from((1, 2, 4, 8)))
    return (value & (1 << 8 * size) - 1).to_bytes(size, form)  # type: ignore[arg-type]


@some.composite
def mutated(draw: some.DrawFn, valid: Sequence[bytes], most: int = 4) -> bytes:
    """One of `valid`, changed in 1 to `most` places."""
    data = bytearray(draw(some.sampled_from(list(valid))))
    for _ in range(draw(some.integers(1, most))):
        change(draw, data, valid)
    return bytes(data)


def change(draw: some.DrawFn, data: bytearray, valid: Sequence[bytes]) -> None:
    """One change of one place."""
    at = draw(some.integers(0, len(data)))
    end = min(len(data), at + draw(some.integers(1, 40)))
    kind = draw(some.sampled_from(("flip", "word", "put in", "cut", "drop", "repeat", "mix")))
    if kind == "flip" and at < len(data):
        data[at] ^= draw(some.integers(1, 255))
    elif kind == "word":
        new = draw(words())
        data[at : at + len(new)] = new
    elif kind == "put in":
        data[at:at] = draw(words() | some.binary(max_size=20))
    elif kind == "cut":
        del data[at:]
    elif kind == "drop":
        del data[at:end]
    elif kind == "repeat":
        data[at:at] = data[at:end] * draw(some.sampled_from((1, 2, 50, 500)))
    elif kind == "mix":
        other = draw(some.sampled_from(list(valid)))
        begin = draw(some.integers(0, len(other)))
        data[at:] = other[begin:]


@some.composite
def mutated_pages(draw: some.DrawFn, valid: Sequence[bytes], page: int, most: int = 3) -> bytes:
    """One of `valid`, with numbers changed near the beginnings of its pages, where they matter."""
    data = bytearray(draw(some.sampled_from(list(valid))))
    pages = len(data) // page
    number = some.integers(0, pages + 1) | some.sampled_from(HOSTILE) | some.integers(0, page)
    for _ in range(draw(some.integers(1, most))):
        at = draw(some.integers(0, pages - 1)) * page + draw(some.integers(0, 150))
        size = draw(some.sampled_from((1, 2, 4, 8)))
        value = draw(number) & (1 << 8 * size) - 1
        data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data)


@some.composite
def fields(draw: some.DrawFn, most: int, depth: int = 3) -> bytes:
    """A protobuf message of any fields with numbers up to `most`, of any wire types."""
    found = b""
    for _ in range(draw(some.integers(0, 6))):
        number, kind = (
            draw(some.integers(0, most)),
            draw(some.sampled_from((0, 1, 2, 2, 2, 5, 3, 4, 6))),
        )
        found += varint(number << 3 | kind)
        if kind == 0:
            found += varint(draw(some.sampled_from(HOSTILE) | some.integers(0, 300)))
        elif kind in (1, 5):
            found += draw(
                some.binary(min_size=8 if kind == 1 else 4, max_size=8 if kind == 1 else 4)
            )
        elif kind == 2:
            inner = (
                draw(fields(most, depth - 1))
                if depth and draw(some.booleans())
                else draw(some.binary(max_size=24))
            )
            length = (
                draw(some.sampled_from(HOSTILE)) if draw(some.integers(0, 9)) == 0 else len(inner)
            )
            found += varint(length) + inner
    return found


TOKEN = re.compile(rb'"[^"]*"|[A-Za-z_0-9.+-]+|\s+|.', re.DOTALL)
WORDS = (
    b"0", b"-1", b"2147483648", b"4294967295", b"18446744073709551615", b"-9223372036854775808",
    b"99999999999999999999999", b"nan", b"-inf", b"1e400", b"0x7fffffff", b"017", b'""', b'"a"',
    b"'x'", b"{", b"}", b"<", b">", b"[", b"]", b":", b",", b"true", b"1", b"null", b"{}", b'"\\0"',
    b'"\\377"', b"\xff", b"#", b"1000000",
)  # fmt: skip


@some.composite
def mutated_text(draw: some.DrawFn, valid: Sequence[bytes], most: int = 3) -> bytes:
    """One of `valid`, a text, with words of it changed in 1 to `most` places."""
    parts = TOKEN.findall(draw(some.sampled_from(list(valid))))
    word = some.sampled_from(WORDS) | some.sampled_from(parts) | some.binary(max_size=3)
    for _ in range(draw(some.integers(1, most))):
        at = draw(some.integers(0, max(len(parts) - 1, 0)))
        end = at + draw(some.integers(1, 8))
        kind = draw(some.sampled_from(("change", "change", "drop", "repeat", "put in", "cut")))
        if kind == "change":
            parts[at : at + 1] = [draw(word)]
        elif kind == "drop":
            del parts[at:end]
        elif kind == "repeat":
            parts[at:at] = parts[at:end] * draw(some.sampled_from((1, 2, 300)))
        elif kind == "put in":
            parts[at:at] = [draw(word)] * draw(some.sampled_from((1, 2, 300)))
        else:
            del parts[at:]
    return b"".join(parts)
