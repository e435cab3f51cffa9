"""The other program's graph as it was read, before any of it is Caffe's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from caffe_mnist.exchange.arriving.value import Array

# None where the file leaves a size open.
Sizes = tuple[Optional[int], ...]


@dataclass(frozen=True)
class Ref:
    """The value of that name, as an argument."""

    name: str


@dataclass
class Node:
    """One operator.

    `arguments` by position: a Ref, None where one is left out, a number, or a list of these.
    `settings` are those by name. `scope` is the module of the net that it belongs to.
    """

    kind: str
    name: str
    arguments: list[Any]
    outputs: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    # The reader's own form of it, to have it computed when all of its arguments are known.
    origin: Any = None

    def reads(self) -> list[str]:
        """The names of the values that it takes, each as often as it stands there."""
        return [one.name for one in _refs([self.arguments, list(self.settings.values())])]

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.kind})"


@dataclass(frozen=True)
class Port:
    """An input of the graph."""

    name: str
    sizes: Sizes
    kind: str = "float32"


@dataclass
class Source:
    """A graph: nodes in the order in which they run, and the constants among its values."""

    path: Path
    name: str
    language: str  # "onnx" or "aten"
    opset: int
    nodes: list[Node]
    constants: dict[str, Array]
    inputs: list[Port]
    outputs: list[str]
    # Names by which people know the constants (parameters of modules), where there are any.
    known_as: dict[str, str] = field(default_factory=dict)

    def drop_unread(self) -> None:
        """Leave out what no output needs."""
        wanted = set(self.outputs)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if not wanted.isdisjoint(node.outputs):
                kept.append(node)
                wanted.update(node.reads())
        self.nodes = kept[::-1]

    def readers(self) -> Counter[str]:
        """How often each value is read, by nodes and as an output."""
        found = Counter(self.outputs)
        for node in self.nodes:
            found.update(node.reads())
        return found


def _refs(values: Sequence[Any]) -> list[Ref]:
    found: list[Ref] = []
    for one in values:
        if isinstance(one, Ref):
            found.append(one)
        elif isinstance(one, (list, tuple)):
            found += _refs(one)
    return found
