"""The shapes of a net's blobs and parameters without building it, as far as they can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from caffe_mnist.layouts.layer_sizes import Shape, SizeError, UnknownSizeError, rules


@dataclass
class NetSizes:
    """What is known: a row a layer, None where it cannot be told.

    `parameters` counts numbers, shared ones once; `blobs` numbers of all blobs. Both are too small
    where not all is `known`.
    """

    tops: list[tuple[Shape | None, ...] | None] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    parameters: int = 0
    blobs: int = 0
    known: bool = True


def sizes_of(layers: Sequence[Any], data: Mapping[str, Shape]) -> NetSizes:
    """Of the layers of one phase, in their order; `data` are shapes of data layers' tops, those
    of labels only where they are sure.

    What hangs on a size that is not known, or on a fault, is not known. Forks' layers and layers
    in Python are among that.
    """
    found = NetSizes()
    shapes: dict[str, Shape | None] = {}
    shared: set[str] = set()
    for index, layer in enumerate(layers):
        tops, parameters = _of_layer(index, layer, shapes, data, found)
        found.tops.append(tops)
        found.counts.append(sum(map(prod, parameters)))
        for place, shape in enumerate(parameters):
            name = layer.param[place].name if place < len(layer.param) else ""
            found.parameters += 0 if name and name in shared else prod(shape)
            shared.add(name)
        for place, top in enumerate(layer.top):
            # A loss may be there without being named.
            shapes[top] = tops[place] if tops is not None and place < len(tops) else None
    found.blobs = sum(prod(shape) for shape in shapes.values() if shape is not None)
    return found


def _of_layer(
    index: int,
    layer: Any,
    shapes: Mapping[str, Shape | None],
    data: Mapping[str, Shape],
    found: NetSizes,
) -> tuple[tuple[Shape | None, ...] | None, list[Shape]]:
    if not layer.bottom and any(top in data for top in layer.top):
        return tuple(data.get(top) for top in layer.top), []
    bottoms = [shapes.get(name) for name in layer.bottom]
    given = [shape for shape in bottoms if shape is not None]
    try:
        if len(given) < len(bottoms) or layer.type not in rules:
            raise UnknownSizeError
        tops, parameters = rules.get(layer.type)(layer, given)
        return tuple(tops), parameters
    except SizeError as error:
        named = dict(zip(layer.bottom, given))
        words = ", ".join(f"{name} is {'x'.join(map(str, shape)) or 'a number'}"
                          for name, shape in named.items())  # fmt: skip
        found.faults.append((index, f"{error} [{words}]" if words else str(error)))
    except (UnknownSizeError, IndexError, ValueError):  # too few bottoms, and the like
        pass
    if not _is_end(layer):
        found.known = False
    return None, []


def _is_end(layer: Any) -> bool:
    """Losses and measures, whose tops are a number and which hold no parameters."""
    return layer.type.endswith("Loss") or layer.type in ("Accuracy", "Silence")
