"""New values for scalar fields (`--set max_iter=2000`), wherever in a prototxt they are.

A key is a path of field names with dots between: `max_iter`, `train_state.level`. Of a repeated
message, brackets pick by number (`layer[0].…`) or all of one name (`layer[conv1].…`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.edit import append, set_values
from caffe_mnist.schema.prototxt import Block, Scalar, near
from caffe_mnist.schema.reading import parse
from caffe_mnist.schema.tokens import quote, unquote
from caffe_mnist.schema.values import fault_of_value, is_repeated, kind_of

STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]]*)\])?(?:\.|$)")
STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
Step = tuple[str, "str | None"]


def first_name(key: str) -> str:
    """The name that decides which message a key belongs to."""
    return _steps(key)[0][0]


def set_fields(text: str, kind: Any, settings: Sequence[tuple[str, str]], where: object) -> str:
    """`text`, a message of descriptor `kind`, with fields set; absent ones are added.

    A repeated field takes several values, separated by commas. What picks nothing sets nothing
    (see `concerns`). Raises CaffeMnistError for
    unknown fields, messages, and values that the schema does not take.
    """
    for key, value in settings:
        steps, written = _steps(key), check(kind, key, value)
        # From the last to the first: a change moves the places behind it only.
        for block, rest in reversed(_targets(parse(text, kind, where), steps)):
            if len(rest) == 1:
                text = set_values(text, block, rest[0][0], written)
            else:
                text = append(text, block, [_nested(rest, written)])
    return text


def check(kind: Any, key: str, value: str) -> list[str]:
    """The values as they are written, if the schema takes them for the field `key` of `kind`."""
    declared = _declared(kind, _steps(key))
    return [_written(declared, part) for part in _parts(declared, value)]


def strings_of(kind: Any, key: str, value: str) -> tuple[str, list[str]]:
    """`Message.field` that a key leads to, and the strings that it gets."""
    declared = _declared(kind, _steps(key))
    strings = [_bare(part) for part in _parts(declared, value)]
    return f"{declared.containing_type.name}.{declared.name}", strings


def concerns(block: Block, key: str) -> bool:
    """Whether there is something in the message for a key to set."""
    return bool(_targets(block, _steps(key)))


def _steps(key: str) -> list[Step]:
    steps: list[Step] = []
    at = 0
    while at < len(key) or not steps:
        match = STEP.match(key, at)
        if match is None or (match.end() == len(key) and key.endswith(".")):
            raise CaffeMnistError(
                f"{key!r} is no field",
                where="--set",
                hint="max_iter, train_state.level, layer[conv1].convolution_param.num_output",
            )
        steps.append((match.group(1), match.group(2)))
        at = match.end()
    return steps


def _declared(kind: Any, steps: Sequence[Step]) -> Any:
    """The descriptor of the field at the end of the path; raises for a path that is none."""
    for index, (name, pick) in enumerate(steps):
        declared = kind.fields_by_name.get(name)
        if declared is None:
            what = f"{kind.name} has no field {name!r}{near(name, kind.fields_by_name)}"
            raise CaffeMnistError(what, where="--set")
        last, message = index == len(steps) - 1, kind_of(declared) == "message"
        if last and message:
            raise CaffeMnistError(f"{name} is a message, not a value", where="--set")
        if not last and not message:
            raise CaffeMnistError(f"{name} is a value, no message", where="--set")
        if (pick is not None) != (message and is_repeated(declared)):
            wanted = "which one?" if pick is None else "there is only one of it"
            raise CaffeMnistError(
                f"{name}: {wanted}", where="--set", hint=f"{name}[0]" if pick is None else name
            )
        kind = declared.message_type
    return declared


def _targets(block: Block, steps: Sequence[Step]) -> list[tuple[Block, Sequence[Step]]]:
    """Where to set: messages that are there, each with the rest of the path below it."""
    (name, pick), rest = steps[0], steps[1:]
    if not rest:
        return [(block, steps)]
    found = [one.value for one in block.fields if one.name == name and isinstance(one.value, Block)]
    if pick is not None:
        if pick.isdigit():
            found = found[int(pick) : int(pick) + 1]
        else:
            found = [one for one in found if _name(one) == pick]
    elif not found:
        return [(block, steps)]
    return [target for one in found for target in _targets(one, rest)]


def _name(block: Block) -> str | None:
    names = [one.value for one in block.fields if one.name == "name"]
    return names[0].text if names and isinstance(names[0], Scalar) else None


def _nested(steps: Sequence[Step], values: Sequence[str]) -> str:
    """A path whose messages are not there yet, written on one line."""
    head = "".join(f"{name} {{ " for name, _ in steps[:-1])
    inside = " ".join(f"{steps[-1][0]}: {value}" for value in values)
    return f"{head}{inside}{' }' * (len(steps) - 1)}"


def _parts(declared: Any, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if is_repeated(declared) else [value]


def _written(declared: Any, value: str) -> str:
    """`value` as it is written in prototxt, checked; strings come with their quotes or without."""
    if kind_of(declared) in ("string", "bytes"):
        return quote(_bare(value))
    fault = fault_of_value(declared, value)
    if fault:
        raise CaffeMnistError(fault, where="--set")
    return value


def _bare(value: str) -> str:
    """A string without the quotation marks that a prototxt would have."""
    if not STRING.fullmatch(value):
        return value
    try:
        return unquote(value)
    except ValueError as error:
        raise CaffeMnistError(str(error), where="--set") from None
