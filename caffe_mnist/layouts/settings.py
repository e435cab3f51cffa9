"""New values for scalar fields of a solver (`--set max_iter=2000`)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.prototxt import (
    Scalar,
    fault_of_value,
    is_repeated,
    kind_of,
    parse,
    quote,
    replace,
)


def set_fields(text: str, kind: Any, settings: Sequence[tuple[str, str]], where: object) -> str:
    """`text`, a message of descriptor `kind`, with fields set; absent ones are added at its end.

    A repeated field takes several values, separated by commas. Raises CaffeMnistError for
    unknown fields, messages, and values that the schema does not take.
    """
    for key, value in settings:
        declared = kind.fields_by_name.get(key)
        if declared is None:
            close = difflib.get_close_matches(key, list(kind.fields_by_name), 1)
            hint = f"did you mean {close[0]}?" if close else None
            raise CaffeMnistError(f"{kind.name} has no field {key!r}", where="--set", hint=hint)
        written = [_written(declared, part) for part in _parts(declared, value)]
        text = _set(text, kind, key, written, where)
    return text


def _parts(declared: Any, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if is_repeated(declared) else [value]


def _written(declared: Any, value: str) -> str:
    """`value` as it is written in prototxt, checked."""
    kind = kind_of(declared)
    if kind == "message":
        raise CaffeMnistError(f"{declared.name} is a message, not a value", where="--set")
    if kind == "string":
        return quote(value)
    fault = fault_of_value(declared, value)
    if fault:
        raise CaffeMnistError(fault, where="--set")
    return value


def _set(text: str, kind: Any, key: str, values: list[str], where: object) -> str:
    """The first values take the old places, further ones are added, further places emptied."""
    block = parse(text, kind, where)
    old = [item for item in block.fields if item.name == key and isinstance(item.value, Scalar)]
    changes = [(item.value.start, item.value.end, value) for item, value in zip(old, values)]
    for item in old[len(values) :]:
        changes.append((item.start, item.value.end, ""))
    text = replace(text, changes)
    for value in values[len(old) :]:
        if text and not text.endswith("\n"):
            text += "\n"
        text += f"{key}: {value}\n"
    return text
