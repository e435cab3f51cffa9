"""Values put into a message's text, with the formatting around them kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caffe_mnist.schema.prototxt import Block, Field, Scalar, replace
from caffe_mnist.schema.tokens import tokens


def set_values(text: str, block: Block, name: str, values: Sequence[str]) -> str:
    """The scalar field `name` of `block` with `values` and no others.

    The first values take the old places; further ones stand after the last; places that are
    left over go, and their lines with them if they are alone there.
    """
    old = [one for one in block.fields if one.name == name]
    if not old:
        return append(text, block, [f"{name}: {value}" for value in values])
    changes = [change for one, value in zip(old, values) for change in put(text, one.value, value)]
    for index in range(len(values), len(old)):
        changes.append(_without(text, old, index))
    more = values[len(old) :]
    last = old[-1].value.end
    if more and old[-1].listed:
        changes.append((last, last, "".join(f", {value}" for value in more)))
    elif more:
        start = old[-1].start
        indent = text[text.rfind("\n", 0, start) + 1 : start]
        between = _newline(text) + indent if not indent.strip() else " "
        changes.append((last, last, "".join(f"{between}{name}: {value}" for value in more)))
    return _merged(text, changes)


def put(text: str, old: Scalar | Block, new: str) -> list[tuple[int, int, str]]:
    """The changes that put `new` in the place of a value; comments between its parts stay."""
    places = [(old.start + one.start, old.start + one.end)
              for one in tokens(text[old.start : old.end]) if one.kind != "end"]  # fmt: skip
    gaps = (text[one[1] : two[0]] for one, two in zip(places, places[1:]))
    if not any("#" in gap for gap in gaps):
        return [(old.start, old.end, new)]
    return [(*places[0], new), *((start, end, "") for start, end in places[1:])]


def without_fields(text: str, block: Block, names: Sequence[str]) -> str:
    """`text` without the fields of these names in `block`; lines that held nothing else go."""
    old = [one for one in block.fields if one.name in names]
    return _merged(text, [_without(text, old, index) for index in range(len(old))])


def append(text: str, block: Block, lines: Sequence[str]) -> str:
    """`lines` at the end of `block`, indented as its other fields."""
    newline = _newline(text)
    inside = text[block.start : block.end]
    if block.end == len(text) and block.start == 0:
        between = newline if text and not text.endswith("\n") else ""
        return text + between + "".join(line + newline for line in lines)
    if "\n" not in inside:
        between = "" if inside.endswith((" ", "\t")) else " "
        return replace(text, [(block.end, block.end, between + " ".join(lines) + " ")])
    indent = re.search(r"\n([ \t]*)\S", inside)
    closing = text.rfind("\n", 0, block.end) + 1
    at = closing if not text[closing : block.end].strip() else block.end
    before = "" if at == closing else newline
    depth = indent.group(1) if indent else "  "
    return replace(text, [(at, at, before + "".join(depth + line + newline for line in lines))])


def _without(text: str, old: Sequence[Field], index: int) -> tuple[int, int, str]:
    """The span that goes with the value `index` of a field's values."""
    one = old[index]
    if one.listed and index and old[index - 1].start == one.start:
        return old[index - 1].value.end, one.value.end, ""
    whole = [other for other in old if other.start == one.start]
    end = whole[-1].value.end + isinstance(one.value, Block)  # the brace
    if one.listed:
        end = text.index("]", end) + 1
    tail = re.compile(r"[ \t]*[;,]").match(text, end)
    end = tail.end() if tail else end
    line = text.rfind("\n", 0, one.start) + 1
    rest = re.compile(r"[ \t]*\r?\n").match(text, end)
    if rest and not text[line : one.start].strip():
        return line, rest.end(), ""
    return one.start, end, ""


def _merged(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    """`replace`, where a span that goes may hold others that go."""
    kept: list[tuple[int, int, str]] = []
    for start, end, new in sorted(changes):
        if kept and start < kept[-1][1]:
            continue
        kept.append((start, end, new))
    return replace(text, kept)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
