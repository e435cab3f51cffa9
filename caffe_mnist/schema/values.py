"""Which scalar values a field of the schema takes, as prototxt writes them."""

from __future__ import annotations

import re
from typing import Any

from caffe_mnist.schema.tokens import NUMBER

INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
TRUTHS = ("true", "True", "t", "false", "False", "f")
KINDS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string",
         11: "message", 12: "bytes", 13: "uint32", 14: "enum"}  # fmt: skip


def is_repeated(declared: Any) -> bool:
    """Whether a field may occur several times (protobuf renamed the way to ask)."""
    try:
        return bool(declared.is_repeated)
    except AttributeError:
        return bool(declared.label == declared.LABEL_REPEATED)


def is_required(declared: Any) -> bool:
    """Whether a message without this field is not complete."""
    try:
        return bool(declared.is_required)
    except AttributeError:
        return bool(declared.label == declared.LABEL_REQUIRED)


def kind_of(declared: Any) -> str:
    """A field's type in the schema's words: message, enum, string, bool, float, int32, …"""
    return KINDS.get(declared.type, "unknown")


def fault_of_value(declared: Any, text: str) -> str | None:
    """What is wrong with `text`, no string, as a value of the field; None if nothing is."""
    kind, name = kind_of(declared), declared.name
    if kind == "enum":
        return _fault_of_enum(declared, text)
    if kind == "bool":
        if text in TRUTHS or (_integer(text) in (0, 1) and not text.startswith("-")):
            return None
        return f"{name} is true or false, not {text!r}"
    if kind in INTEGERS:
        number, (least, most) = _integer(text), INTEGERS[kind]
        if number is None:
            return f"{name} is a whole number, not {text!r}"
        return None if least <= number <= most else f"{name} cannot hold {text}"
    return None if _is_decimal(text) else f"{name} is a number, not {text!r}"


def _fault_of_enum(declared: Any, text: str) -> str | None:
    values = declared.enum_type.values
    names = [value.name for value in values]
    if text in names or _integer(text) in {value.number for value in values}:
        return None
    return f"{declared.name} cannot be {text!r} (known: {', '.join(names)})"


def _integer(text: str) -> int | None:
    """A decimal, octal (`010`) or hexadecimal whole number, or None."""
    digits = text[1:] if text.startswith("-") else text
    for pattern, base in ((r"0|[1-9][0-9]*", 10), (r"0[0-7]+", 8), (r"0[xX][0-9a-fA-F]+", 16)):
        if re.fullmatch(pattern, digits, re.ASCII):
            number = int(digits[:40], base)  # what is longer fits no field either way
            return -number if text.startswith("-") else number
    return None


def _is_decimal(text: str) -> bool:
    digits = text[1:] if text.startswith("-") else text
    if digits.lower() in ("inf", "infinity", "nan"):
        return True
    return bool(NUMBER.fullmatch(digits)) and not re.match(r"0[0-9xX]", digits)
