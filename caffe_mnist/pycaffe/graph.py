"""A directed graph of labelled nodes: as Graphviz's text, or drawn by Graphviz or by ourselves."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from caffe_mnist.drawing import graph as drawing
from caffe_mnist.drawing.painters import paint
from caffe_mnist.drawing.picture import picture_of
from caffe_mnist.pycaffe.failures import CaffeError, caffe_errors

TEXT_FORMATS = ("dot", "gv", "raw")
DRAWN_FORMATS = ("png", "svg")
NEW_LINE = "\\n"  # as Graphviz writes it


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
        """The graph as bytes of a format: dot, png and svg, others where Graphviz is installed.

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

    def order(self) -> tuple[list[str], set[tuple[str, str]]]:
        """The nodes, each after those that lead to it, and the edges back that do not count."""
        after: defaultdict[str, list[str]] = defaultdict(list)
        for start, end, _ in self.edges:
            after[start].append(end)
        done: list[str] = []
        open_nodes: set[str] = set()
        back: set[tuple[str, str]] = set()
        seen: set[str] = set()
        for root in self.nodes:
            stack: list[tuple[str, Iterator[str]]] = []
            if root not in seen:
                stack.append((root, iter(after[root])))
                seen.add(root)
                open_nodes.add(root)
            while stack:
                node, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    stack.pop()
                    open_nodes.discard(node)
                    done.append(node)
                elif following in open_nodes:
                    back.add((node, following))
                elif following not in seen:
                    seen.add(following)
                    open_nodes.add(following)
                    stack.append((following, iter(after[following])))
        return done[::-1], back

    @caffe_errors()
    def _drawn(self, format: str) -> bytes:
        if format not in DRAWN_FORMATS:
            known = ", ".join((*TEXT_FORMATS, *DRAWN_FORMATS))
            raise CaffeError(f"cannot draw as {format!r} without Graphviz", hint=f"known: {known}")
        order, back = self.order()
        place = {node: k for k, node in enumerate(order)}
        graph = drawing.Graph(self.name)
        for node in order:
            label, style = self.nodes[node]
            lines = [(line, k == 0) for k, line in enumerate(label.split(NEW_LINE))]
            graph.nodes.append(drawing.Node(style.get("fillcolor", "white"), lines))
        loops = {(end, start) for start, end in back}
        for start, end, label in self.edges:
            if (start, end) not in back:
                words = "in place" if (start, end) in loops else label
                graph.edges.append(drawing.Edge(place[start], place[end], words))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"net.{format}"
            paint(picture_of(graph, self.rankdir), str(path))
            return path.read_bytes()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
