"""`${NAME}` and `${NAME:-default}` in prototxts: values from outside, put in before parsing.

They stand anywhere but in comments: for a number or a word as in a string, where quotation marks
and backslashes of the value are escaped. The default counts when a variable is not set or empty.
`$${NAME}` stays as `${NAME}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}\n]*))?\}")
# What may hold one, and what may not: strings, comments, and variables outside both.
PART = re.compile(
    r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*|" + VARIABLE.pattern, re.DOTALL
)


def expand(text: str, values: Mapping[str, str], where: object) -> str:
    """`text` with the values in the places of its variables.

    Raises ManyFaultsError naming file, line and column of each that has neither a value nor a
    default, and of each value with a line break.
    """
    if "${" not in text:
        return text
    faults: list[str] = []

    def fault(offset: int, what: str) -> str:
        line = text.count("\n", 0, offset) + 1
        column = offset - text.rfind("\n", 0, offset)
        faults.append(f"{where}:{line}:{column}: {what}")
        return ""

    def value(found: re.Match[str], start: int, quoted: bool) -> str:
        escape, name, has_default, default = found.groups()
        if escape:
            return found.group()[1:]
        given = values.get(name, "")
        if not given and has_default is None:
            if name in values:
                return ""
            return fault(start + found.start(), undefined(name))
        if not given:
            return str(default)
        if "\n" in given or "\r" in given:
            return fault(start + found.start(), f"the value of ${{{name}}} has several lines")
        return re.sub(r"([\"'\\])", r"\\\1", given) if quoted else given

    def part(found: re.Match[str]) -> str:
        whole = found.group()
        if whole.startswith("#"):
            return whole
        if whole[0] in "\"'":
            return VARIABLE.sub(lambda one: value(one, found.start(), quoted=True), whole)
        return value(_again(whole), found.start(), quoted=False)

    result = PART.sub(part, text)
    if faults:
        raise ManyFaultsError(faults)
    return result


def undefined(name: str) -> str:
    """What to say of a variable without a value."""
    return (
        f"${{{name}}} is not set (--define {name}=VALUE, the environment, "
        f"or a default: ${{{name}:-VALUE}})"
    )


def parse_define(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as a pair; raises CaffeMnistError for anything else."""
    name, equals, value = text.partition("=")
    if not equals or not NAME.fullmatch(name):
        raise CaffeMnistError(f"{text!r} defines nothing", where="--define", hint="NAME=VALUE")
    return name, value


def _again(whole: str) -> re.Match[str]:
    found = VARIABLE.fullmatch(whole)
    assert found is not None
    return found
