"""A directed graph of labelled nodes: as Graphviz's text, or drawn.

Drawn without Graphviz, nodes lie in ranks: each one after the last of those that lead to it;
within a rank they are ordered by the mean place of their neighbours.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections import defaultdict
from typing import Any

from caffe_mnist.pycaffe.failures import CaffeError

TEXT_FORMATS = ("dot", "gv", "raw")
LINE, LETTER, GAP = 0.2, 0.085, 0.35  # inches: a line's height, a letter's width, between nodes
LARGEST = 200.0  # inches, of a picture's longer side
Place = tuple[float, float]


class Graph:
    """Nodes with labels and styles, and edges; `rankdir` says which way it runs."""

    def __init__(self, name: str, rankdir: str = "LR") -> None:
        self.name, self.rankdir = name, rankdir
        self.nodes: dict[str, tuple[str, dict[str, str]]] = {}
        self.edges: list[tuple[str, str, str]] = []

    def add_node(self, node: str, label: str, style: dict[str, str]) -> None:
        """Add a node; `label` may hold `\\n` for new lines."""
        self.nodes[node] = (label, style)

    def add_edge(self, start: str, end: str, label: str = "") -> None:
        """Add an edge between two nodes."""
        self.edges.append((start, end, label))

    def to_string(self) -> str:
        """The graph in Graphviz's language."""
        lines = [f"digraph {_quoted(self.name)} {{", f"rankdir={self.rankdir};"]
        for node, (label, style) in self.nodes.items():
            about = {"label": label, **style}
            words = ", ".join(f"{key}={_quoted(value)}" for key, value in about.items())
            lines.append(f"{_quoted(node)} [{words}];")
        for start, end, label in self.edges:
            words = f" [label={_quoted(label)}]" if label else ""
            lines.append(f"{_quoted(start)} -> {_quoted(end)}{words};")
        return "\n".join([*lines, "}", ""])

    def create(self, format: str = "png") -> bytes:
        """The graph as bytes of a format.

        Raises CaffeError for formats that cannot be made here.
        """
        if format in TEXT_FORMATS:
            return self.to_string().encode()
        program = shutil.which("dot")
        if program is None:
            return self._drawn(format)
        made = subprocess.run(
            [program, f"-T{format}"], input=self.to_string().encode(), capture_output=True
        )
        if made.returncode:
            raise CaffeError(made.stderr.decode(errors="replace"), where="dot")
        return made.stdout

    def places(self) -> dict[str, Place]:
        """Rank and place in the rank of each node, before sizes are known."""
        ranks: defaultdict[int, list[str]] = defaultdict(list)
        rank_of = self._ranks()
        for node in self.nodes:
            ranks[rank_of[node]].append(node)
        neighbours: defaultdict[str, list[str]] = defaultdict(list)
        for start, end, _ in self.edges:
            neighbours[start].append(end)
            neighbours[end].append(start)
        at = {node: float(k) for nodes in ranks.values() for k, node in enumerate(nodes)}
        for _ in range(4):
            for rank in sorted(ranks):
                means = {}
                for node in ranks[rank]:
                    near = [at[one] for one in neighbours[node]]
                    means[node] = sum(near) / len(near) if near else at[node]
                ranks[rank].sort(key=lambda node: means[node])
                middle = sum(means.values()) / len(means) - (len(means) - 1) / 2
                at.update((node, middle + k) for k, node in enumerate(ranks[rank]))
        least = min(at.values(), default=0.0)
        return {node: (float(rank_of[node]), at[node] - least) for node in self.nodes}

    def _ranks(self) -> dict[str, int]:
        """The longest way to each node; an edge back to an earlier node is left out."""
        after: defaultdict[str, list[str]] = defaultdict(list)
        for start, end, _ in self.edges:
            after[start].append(end)
        order: list[str] = []
        state: dict[str, int] = {}
        back: set[tuple[str, str]] = set()
        for root in self.nodes:
            stack = [(root, iter(after[root]))] if root not in state else []
            state.setdefault(root, 1)
            while stack:
                node, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    state[node] = 2
                    order.append(node)
                    stack.pop()
                elif following not in state:
                    state[following] = 1
                    stack.append((following, iter(after[following])))
                elif state[following] == 1:
                    back.add((node, following))
        ranks = dict.fromkeys(self.nodes, 0)
        for node in reversed(order):
            for following in after[node]:
                if (node, following) not in back:
                    ranks[following] = max(ranks[following], ranks[node] + 1)
        return ranks

    def _drawn(self, format: str) -> bytes:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise CaffeError(
                "drawing needs Graphviz or Matplotlib", hint="pip install 'caffe-mnist[images]'"
            ) from None
        sizes = {node: _size(label) for node, (label, _) in self.nodes.items()}
        wide = max((width for width, _ in sizes.values()), default=1.0) + GAP
        high = max((height for _, height in sizes.values()), default=1.0) + GAP
        places = self.places()
        last = max((rank for rank, _ in places.values()), default=0.0)
        centers = {node: self._center(places[node], last, wide, high) for node in places}
        width = max((x for x, _ in centers.values()), default=0.0) + wide
        height = max((y for _, y in centers.values()), default=0.0) + high
        figure = Figure(figsize=(width, height), dpi=min(80.0, 60 * LARGEST / max(width, height)))
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-wide / 2, width - wide / 2), ylim=(height - high / 2, -high / 2))
        axes.axis("off")
        for node, (label, style) in self.nodes.items():
            self._draw_node(axes, centers[node], label, style)
        for start, end, label in self.edges:
            _draw_edge(axes, centers[start], centers[end], label)
        stream = io.BytesIO()
        try:
            figure.savefig(stream, format=format)
        except ValueError as error:
            raise CaffeError(str(error), where=f"drawing as {format!r}") from None
        return stream.getvalue()

    def _center(self, place: Place, last: float, wide: float, high: float) -> Place:
        rank, at = place
        if self.rankdir in ("RL", "BT"):
            rank = last - rank
        if self.rankdir in ("LR", "RL"):
            return rank * (wide + GAP), at * high
        return at * wide, rank * (high + GAP)

    @staticmethod
    def _draw_node(axes: Any, center: Place, label: str, style: dict[str, str]) -> None:
        box = "round,pad=0.4" if style.get("shape") == "octagon" else "square,pad=0.4"
        axes.text(
            *center,
            label.replace("\\n", "\n"),
            ha="center",
            va="center",
            fontsize=9,
            parse_math=False,
            bbox={"boxstyle": box, "facecolor": style.get("fillcolor", "white")},
        )


def _draw_edge(axes: Any, start: Place, end: Place, label: str) -> None:
    arrow = {"arrowstyle": "->", "shrinkA": 22, "shrinkB": 22, "color": "#404040"}
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=0)
    if label:
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.text(*middle, label, fontsize=7, ha="center", va="bottom", parse_math=False)


def _size(label: str) -> tuple[float, float]:
    """Width and height of a node, in inches."""
    lines = label.split("\\n")
    return max(map(len, lines)) * LETTER + GAP, len(lines) * LINE + GAP


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
