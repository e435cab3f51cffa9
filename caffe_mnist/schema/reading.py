"""How prototxts are read for the time being: with which variables, and how strictly.

A command says so once, at its door; whatever reads a prototxt in it, asks here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Callable

from caffe_mnist.schema.prototxt import (
    Block,
    PrototxtError,
    examine,
    place,
    replace,
    unknown_fields,
)
from caffe_mnist.schema.variables import expand, parse_define


@dataclass(frozen=True)
class Reading:
    """`defines` go before the environment; `lenient` passes over fields that the schema lacks.

    `report` is told of each of those, once.
    """

    defines: Mapping[str, str] = field(default_factory=dict)
    lenient: bool = False
    report: Callable[[str], object] = lambda line: None
    _told: set[str] = field(default_factory=set)

    def tell(self, line: str) -> None:
        """Report a line unless it was before."""
        if line not in self._told:
            self._told.add(line)
            self.report(line)


_PRESENT: ContextVar[Reading] = ContextVar("reading", default=Reading())  # noqa: B039 (never told)


@contextmanager
def reading(
    defines: Sequence[str] = (),
    lenient: bool = False,
    report: Callable[[str], object] = lambda line: None,
) -> Iterator[None]:
    """Within it, prototxts are read so; `defines` are `NAME=VALUE`."""
    token = _PRESENT.set(Reading(dict(map(parse_define, defines)), lenient, report))
    try:
        yield
    finally:
        _PRESENT.reset(token)


def with_values(text: str, where: object) -> str:
    """The text of a prototxt with the values of its variables; raises ManyFaultsError."""
    return expand(text, {**os.environ, **_PRESENT.get().defines}, where)


def is_lenient() -> bool:
    """Whether fields that the schema does not know are passed over."""
    return _PRESENT.get().lenient


def known_only(text: str, kind: Any, where: object) -> str:
    """`text` as it is, or, in a lenient reading, with blanks for what the schema does not know.

    Each unknown field is reported, with its line; lines and columns stay.
    """
    if not is_lenient():
        return text
    block, _ = examine(text, kind)
    gone = []
    for name, start, end in unknown_fields(block):
        _report(text, start, name, where)
        gone.append((start, end, "".join(c if c == "\n" else " " for c in text[start:end])))
    return replace(text, gone)


def parse(text: str, kind: Any, where: object) -> Block:
    """`text` as a message of descriptor `kind`, unknown fields included in a lenient reading.

    Raises PrototxtError with every fault.
    """
    block, faults = examine(text, kind)
    if is_lenient():
        for name, start, _ in unknown_fields(block):
            _report(text, start, name, where)
        faults = [fault for fault in faults if not fault.unknown]
    if faults:
        raise PrototxtError(where, text, faults)
    return block


def _report(text: str, start: int, what: str, where: object) -> None:
    _PRESENT.get().tell(
        f"{where}:{place(text, start)}: {what}: not in Caffe's schema, kept and not used"
    )
