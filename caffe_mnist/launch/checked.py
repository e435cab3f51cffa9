"""What is found when nets are looked at before anything runs: layers, shapes, faults, notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from caffe_mnist.layouts.source import Prototxt
from caffe_mnist.schema.prototxt import Block


@dataclass(frozen=True)
class CheckedLayer:
    """One layer: its tops and their shapes (None where a fault hides them), its parameters."""

    name: str
    type: str
    tops: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...] | None = None
    parameters: int = 0


@dataclass
class CheckedNet:
    """A net in one phase; `parameters` in numbers, `blobs` in bytes, without gradients.

    `held` are the bytes that Caffe really allocates for them, in TRAIN with their gradients. All
    are only what is sure at least where not everything is `known`.
    """

    path: str
    phase: int
    layers: list[CheckedLayer]
    parameters: int = 0
    blobs: int = 0
    known: bool = True
    held: int = 0


@dataclass
class Checked:
    """Everything that was found; a line each of `faults` and of `notes`."""

    nets: list[CheckedNet] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, line: str) -> None:
        """Note one, once."""
        if line not in self.faults:
            self.faults.append(line)

    def note(self, line: str) -> None:
        """Note something that is no fault, once."""
        if line not in self.notes:
            self.notes.append(line)


@dataclass
class Wanted:
    """A net to look at, in one phase, as it was written."""

    source: Prototxt
    param: Any
    phase: int
    state: Any
    layers: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def where(self, layer: Any) -> str:
        """`file:line:column: layer 'name' (type)`."""
        start = next((k for k, one in enumerate(self.param.layer) if one == layer), None)
        blocks = [one for one in self.source.block.fields
                  if one.name in ("layer", "layers") and isinstance(one.value, Block)]  # fmt: skip
        place = self.source.path
        if start is not None and len(blocks) == len(self.param.layer):
            place = self.source.at(blocks[start].start)
        return f"{place}: layer {layer.name!r} ({layer.type})"
