"""A solver or a net as text: its paths by the schema, and its text with other ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.edit import put
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.settings import first_name, set_fields
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema import prototxt as syntax
from caffe_mnist.schema.paths import LISTS, PATHS, SOURCES, WRITTEN
from caffe_mnist.schema.prototxt import Block, Scalar, examine, place
from caffe_mnist.schema.reading import parse, with_values
from caffe_mnist.schema.sources import split_source, with_paths
from caffe_mnist.schema.tokens import quote

SOLVER = caffe_pb2.SolverParameter.DESCRIPTOR
NET = caffe_pb2.NetParameter.DESCRIPTOR


@dataclass(frozen=True)
class PathField:
    """One path in a prototxt: its field, its place, its role and its value.

    A string that lists several files gives one of these for each.
    """

    field: str
    start: int
    end: int
    value: str

    @property
    def role(self) -> str:
        """code, data or model."""
        return PATHS[self.field]

    @property
    def written(self) -> bool:
        """Whether the training makes what the path leads to."""
        return self.field in WRITTEN


@dataclass(frozen=True)
class Prototxt:
    """A solver or a net as text, parsed."""

    path: str
    text: str
    kind: Any
    block: Block

    @property
    def is_solver(self) -> bool:
        """Whether it is a solver; otherwise it is a net."""
        return bool(self.kind is SOLVER)

    def paths(self) -> Iterator[PathField]:
        """Every path in it, in order."""
        for field, value in self._values():
            for piece in pieces(field, value.text):
                yield PathField(field, value.start, value.end, piece)

    def _values(self) -> Iterator[tuple[str, Scalar]]:
        for block, item in self.block.walk():
            if block.kind is None:  # inside a field of a fork
                continue
            name = f"{block.kind.name}.{item.name}"
            if name in PATHS and isinstance(item.value, Scalar):
                yield name, item.value

    def with_paths(self, rules: Rules) -> str:
        """The text with its paths changed by `rules`."""
        changes = []
        for field, value in self._values():
            new = _each(field, value.text, lambda old: rules.path(old, PATHS[field]))  # noqa: B023
            if new != value.text:
                changes += put(self.text, value, quote(new, self.text[value.start]))
        return syntax.replace(self.text, changes)

    def at(self, offset: int) -> str:
        """`file:line:column` of an offset."""
        return f"{self.path}:{place(self.text, offset)}"


def read_prototxt(path: str | os.PathLike[str], kind: Any = None) -> Prototxt:
    """Read a solver or a net, whichever it is, unless `kind` says which.

    Raises CaffeMnistError for files that cannot be read, and PrototxtError with every fault,
    each with its line and column, for text that is neither.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    if b"\0" in content:
        raise CaffeMnistError("is no text, so no prototxt", where=path)
    # Caffe takes any bytes in comments and strings, and they are given back as they were.
    text = with_values(content.decode("utf-8", "surrogateescape"), path)
    return prototxt(path, text, kind)


def prototxt(path: str | os.PathLike[str], text: str, kind: Any = None) -> Prototxt:
    """A solver or a net from its text; raises PrototxtError with every fault.

    In a lenient reading unknown fields stay in the text, and are reported.
    """
    kind = kind or kind_of_text(text, os.path.basename(path))
    return Prototxt(os.fspath(path), text, kind, parse(text, kind, path))


def kind_of_text(text: str, name: str = "") -> Any:
    """SOLVER or NET: the one that knows more of the names at the top, else by the file's name."""
    names = [item.name for item in examine(text, None)[0].fields]
    of_solver = sum(name in SOLVER.fields_by_name for name in names)
    of_net = sum(name in NET.fields_by_name for name in names)
    if of_solver == of_net:
        return SOLVER if "solver" in name else NET
    return SOLVER if of_solver > of_net else NET


def with_settings(source: Prototxt, settings: Sequence[tuple[str, str]]) -> Prototxt:
    """`source` with those of `settings` that are for its kind."""
    wanted = [pair for pair in settings if kind_of_key(pair[0]) is source.kind]
    text = set_fields(source.text, source.kind, wanted, source.path)
    return prototxt(source.path, text, source.kind)


def kind_of_key(key: str) -> Any:
    """Which message a setting is for; a solver's, unless only nets have such a field."""
    name = first_name(key)
    in_net = name in NET.fields_by_name and name not in SOLVER.fields_by_name
    return NET if in_net else SOLVER


def pieces(field: str, value: str) -> list[str]:
    """The paths in a field's value: one, or as many as it lists, without what is no path."""
    if field in SOURCES:
        return [piece.path for piece in split_source(value)]
    return [piece.strip() for piece in value.split(",")] if field in LISTS else [value.strip()]


def _each(field: str, value: str, change: Callable[[str], str]) -> str:
    """`value` changed; where it lists several files, each of them, with its spaces kept."""
    if field in SOURCES:
        return with_paths(value, change)
    if field not in LISTS:
        return change(value)
    parts = value.split(",")
    return ",".join(part.replace(part.strip(), change(part.strip())) for part in parts)
