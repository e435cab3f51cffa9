"""A graph as boxes, texts and curves at places of a sheet, ready for a painter."""

from __future__ import annotations

from dataclasses import dataclass, field

from caffe_mnist.drawing.graph import Graph, Node
from caffe_mnist.drawing.layout import Point, lay_out

DIRECTIONS = ("LR", "RL", "TB", "BT")
SIZE, LINE, PADDING, MARGIN = 11.0, 14.5, 8.0, 16.0
# Of a character, on the average, in ems; titles are bold.
WIDE, WIDER = 0.6, 0.68
HEAD = 7.0


@dataclass(frozen=True)
class Box:
    """A rectangle with rounded corners; x and y are of its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Text:
    """A line of text, its middle at x, its base at y."""

    x: float
    y: float
    text: str
    bold: bool = False
    size: float = SIZE
    colour: str = "#222222"


@dataclass(frozen=True)
class Arrow:
    """A curve of cubic Bézier pieces (start, then three points a piece) and a head at its end."""

    points: tuple[Point, ...]
    head: tuple[Point, Point, Point]


@dataclass
class Picture:
    """All shapes of a sheet of `width` × `height`."""

    width: float
    height: float
    arrows: list[Arrow] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def picture_of(graph: Graph, direction: str = "LR") -> Picture:
    """Lay out and draw `graph`; `direction` is one of DIRECTIONS, the way of the arrows."""
    sizes = [_size(node) for node in graph.nodes]
    sideways = direction in ("LR", "RL")
    turned = [(high, wide) if sideways else (wide, high) for wide, high in sizes]
    edges = [(edge.source, edge.target) for edge in graph.edges]
    found = lay_out(turned, edges)
    title = LINE * 2 if graph.name else 0.0

    def at(point: Point) -> Point:
        across, along = point
        if direction in ("RL", "BT"):
            along = found.along - along
        x, y = (along, across) if sideways else (across, along)
        return x + MARGIN, y + MARGIN + title

    width, height = (found.along, found.across) if sideways else (found.across, found.along)
    name = Text(0, MARGIN + LINE / 2, graph.name, bold=True, size=SIZE * 1.3)
    width = max(width, len(graph.name) * SIZE * 1.3 * WIDER)
    picture = Picture(width + 2 * MARGIN, height + 2 * MARGIN + title)
    if graph.name:
        picture.texts.append(Text(picture.width / 2, name.y, name.text, True, name.size))
    for edge, way in zip(graph.edges, found.ways):
        (a, b), sign = (edge.source, edge.target), -1 if direction in ("RL", "BT") else 1
        start = (found.centres[a][0], found.centres[a][1] + turned[a][1] / 2)
        end = (found.centres[b][0], found.centres[b][1] - turned[b][1] / 2 - HEAD)
        picture.arrows.append(_arrow([at(p) for p in (start, *way, end)], sideways, sign))
        if edge.label:
            x, y = at((end[0], end[1]))
            picture.texts.append(_label(x, y, edge.label, sideways, sign))
    for node, (wide, high), centre in zip(graph.nodes, sizes, found.centres):
        _draw_box(picture, node, (wide, high), at(centre))
    return picture


def _size(node: Node) -> tuple[float, float]:
    widths = [len(text) * SIZE * (WIDER if bold else WIDE) for text, bold in node.lines]
    return max(widths) + 2 * PADDING, len(node.lines) * LINE + PADDING


def _draw_box(picture: Picture, node: Node, size: Point, centre: Point) -> None:
    (wide, high), (x, y) = size, centre
    picture.boxes.append(Box(x - wide / 2, y - high / 2, wide, high, node.colour))
    for k, (text, bold) in enumerate(node.lines):
        base = y - high / 2 + PADDING / 2 + LINE * (k + 0.75)
        colour = "#222222" if bold or not text.startswith("→") else "#1a5a8a"
        picture.texts.append(Text(x, base, text, bold, SIZE, colour))


def _arrow(points: list[Point], sideways: bool, sign: int) -> Arrow:
    """A smooth curve that leaves and enters every point along the way of the arrows."""
    curve = [points[0]]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if (x0, y0) == (x1, y1):
            continue
        if sideways:
            curve += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        else:
            curve += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)]
    x, y = points[-1]
    half, tip = HEAD / 2, sign * HEAD
    if sideways:
        return Arrow(tuple(curve), ((x, y - half), (x + tip, y), (x, y + half)))
    return Arrow(tuple(curve), ((x - half, y), (x, y + tip), (x + half, y)))


def _label(x: float, y: float, text: str, sideways: bool, sign: int) -> Text:
    """A blob's name beside the head of its arrow."""
    small, colour = SIZE * 0.8, "#666666"
    half = len(text) * small * WIDE / 2
    if sideways:
        return Text(x - sign * (half + 2), y - 3, text, False, small, colour)
    return Text(x + half + HEAD / 2 + 2, y + small * 0.35, text, False, small, colour)
