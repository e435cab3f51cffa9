"""What is wrong with how a net's layers are wired, all of it at once, without building them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caffe_mnist.schema.prototxt import near

Fault = tuple[int, str]


def faults_of_wiring(layers: Sequence[Any], others: Sequence[Any] = ()) -> list[Fault]:
    """(layer's index, what is wrong) for the layers of one phase; `others` are of other phases.

    Bottoms that no layer before makes, tops made twice, layers without a type.
    """
    made: dict[str, int] = {}
    faults: list[Fault] = []
    missing: dict[str, list[int]] = {}
    for index, layer in enumerate(layers):
        for bottom in dict.fromkeys(layer.bottom):
            if bottom not in made:
                missing.setdefault(bottom, []).append(index)
        for place, top in enumerate(layer.top):
            in_place = place < len(layer.bottom) and layer.bottom[place] == top
            if top in made and not in_place:
                first = layers[made[top]].name
                faults.append((index, f"top {top!r} is made by layer {first!r} already"))
            made.setdefault(top, index)
        if not layer.type:
            faults.append((index, "names no type"))
    for bottom, readers in missing.items():
        more = [layers[index].name for index in readers[1:]]
        also = f"; {', '.join(more)} need{'s' if len(more) == 1 else ''} it, too" if more else ""
        why = _why(bottom, readers[0], layers, others)
        faults.append((readers[0], f"bottom {bottom!r} {why}{also}"))
    return sorted(faults)


def names_given_twice(layers: Sequence[Any]) -> list[Fault]:
    """What Caffe takes, and does not do what is meant: layers of one name in one phase."""
    names: dict[str, str] = {}
    found = []
    for index, layer in enumerate(layers):
        if layer.name in names and layer.name:
            what = f"has the name of an earlier layer ({names[layer.name]}): weights go by names"
            found.append((index, what))
        names.setdefault(layer.name, layer.type)
    return found


def unfed(layers: Sequence[Any]) -> set[int]:
    """The layers with a bottom that no layer before makes."""
    made: set[str] = set()
    found = set()
    for index, layer in enumerate(layers):
        if not made.issuperset(layer.bottom):
            found.add(index)
        made.update(layer.top)
    return found


def _why(bottom: str, index: int, layers: Sequence[Any], others: Sequence[Any]) -> str:
    """Why nothing has made it yet."""
    for layer in layers[index:]:
        if bottom in layer.top:
            itself = layer is layers[index]
            which = (
                "only the layer itself" if itself else f"only layer {layer.name!r}, further down,"
            )
            return f"is not there yet: {which} makes it"
    for layer in others:
        if bottom in layer.top:
            return f"is made in the other phase only, by layer {layer.name!r}"
    known = {top for layer in layers[:index] for top in layer.top}
    guess = near(bottom, known)
    return f"is made by no layer{guess}"


def buildable(layers: Sequence[Any], faulty: set[int]) -> list[int]:
    """The layers that can be built without the `faulty` and what hangs on them."""
    unknown: set[str] = set()
    known: set[str] = set()
    kept = []
    for index, layer in enumerate(layers):
        if index in faulty or not unknown.isdisjoint(layer.bottom):
            unknown.update(set(layer.top) - known)
            continue
        known.update(layer.top)
        kept.append(index)
    return kept
