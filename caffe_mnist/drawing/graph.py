"""A net as boxes and arrows: what stands in each box, and which box feeds which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from caffe_mnist.drawing.words import colour_of, settings_of
from caffe_mnist.schema import caffe_pb2

# For each phase, the shapes of the blobs that are known.
Shapes = Mapping[int, Mapping[str, Sequence[int]]]
PHASES = (caffe_pb2.TRAIN, caffe_pb2.TEST)


@dataclass
class Node:
    """A box: a layer with those that work in place on what it makes.

    `lines` are text and whether it is a title; `tops` counts the blobs that the layer makes.
    """

    colour: str
    lines: list[tuple[str, bool]] = field(default_factory=list)
    tops: int = 0


@dataclass(frozen=True)
class Edge:
    """An arrow from node `source` to node `target`, labelled where the blob is not obvious."""

    source: int
    target: int
    label: str = ""


@dataclass
class Graph:
    """Nodes in the order of the layers, and edges from earlier to later ones."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def graph_of(net: caffe_pb2.NetParameter, shapes: Shapes) -> Graph:
    """The graph of the layers of `net` (all of them), with the shapes that are known.

    A blob that several layers make (in different phases) comes from all of them that run in a
    phase of its reader.
    """
    graph = Graph(net.name)
    makers: dict[str, list[int]] = {}
    read: set[str] = set()
    phases: list[set[int]] = []
    for layer in net.layer:
        box = _box_to_share(layer, makers, read)
        if box is not None:
            graph.nodes[box].lines += _lines(layer, shapes, tops=False)
            continue
        index = len(graph.nodes)
        phases.append(_phases(layer))
        graph.nodes.append(Node(colour_of(layer.type), _lines(layer, shapes), len(layer.top)))
        for blob in dict.fromkeys(layer.bottom):
            for maker in makers.get(blob, []):
                if not phases[maker].intersection(_phases(layer)):
                    continue
                label = blob if graph.nodes[maker].tops > 1 else ""
                graph.edges.append(Edge(maker, index, label))
        read.update(layer.bottom)
        for blob in layer.top:
            again = blob in makers and blob not in layer.bottom
            makers[blob] = [*makers[blob], index] if again else [index]
            read.discard(blob)
    return graph


def _box_to_share(
    layer: caffe_pb2.LayerParameter, makers: Mapping[str, Sequence[int]], read: set[str]
) -> int | None:
    """The box of the layer below, if this one works in place and nobody read the blob before."""
    if list(layer.bottom) != list(layer.top) or len(layer.top) != 1:
        return None
    below = makers.get(layer.top[0], [])
    return below[0] if len(below) == 1 and layer.top[0] not in read else None


def _lines(
    layer: caffe_pb2.LayerParameter, shapes: Shapes, tops: bool = True
) -> list[tuple[str, bool]]:
    lines = [(layer.name or "(no name)", True), (layer.type, False)]
    lines += [(text, False) for text in settings_of(layer)]
    if tops:
        for blob in layer.top:
            name = "" if [blob] == [layer.name] == list(layer.top) else f"{blob} "
            size = _size(blob, layer, shapes)
            text = f"→ {name}{size}".rstrip()
            lines += [(text, False)] if text != "→" else []
    return lines


def _size(blob: str, layer: caffe_pb2.LayerParameter, shapes: Shapes) -> str:
    for phase in sorted(_phases(layer)):
        if blob in shapes.get(phase, {}):
            return "×".join(map(str, shapes[phase][blob])) or "1"
    return ""


def _phases(layer: caffe_pb2.LayerParameter) -> set[int]:
    """The phases in which a layer may run, as far as its rules name them."""
    asked = {int(rule.phase) for rule in layer.include if rule.HasField("phase")}
    if asked and all(rule.HasField("phase") for rule in layer.include):
        return asked
    plain = [rule for rule in layer.exclude if len(rule.ListFields()) == 1]
    return {int(phase) for phase in PHASES} - {
        int(rule.phase) for rule in plain if rule.HasField("phase")
    }
