"""The graph of a net: its layers in order, each written by the one who knows its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.graph import Graph, Port, Sizes
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.exchange.site import Site, UnfitError, writer
from caffe_mnist.exchange.varying import Layout, batches, layouts

BATCH = "N"
# Layers whose outputs hide differences: large inputs become exact zeros and ones.
ENDS = frozenset({"Softmax", "Sigmoid", "TanH"})


@dataclass(frozen=True)
class Export:
    """A graph, the axis of its inputs that may have any size (None: no such axis), and why not."""

    graph: Graph
    axis: int | None
    fixed_by: str = ""


def build(net: Net, preparing: Preprocessing, fixed: bool = False) -> Export:
    """The graph of a net of the TEST phase, by its weights as they are.

    The batch is left open where every layer allows it, unless `fixed`. Raises CaffeMnistError,
    naming the layer, for types that have no counterpart.
    """
    for layer in net.layers:
        if layer.param.type != "Input":
            writer(layer)
    if not net.outputs:
        raise CaffeMnistError("has no outputs", where=f"net {net.name!r}")
    reason = ""
    for layout in layouts(net, fixed):
        try:
            return Export(_write(net, layout, preparing), layout.axis, reason or layout.reason)
        except UnfitError as error:
            reason = reason or str(error)
    raise AssertionError(f"nothing varies, and yet {reason}")


def _write(net: Net, layout: Layout, preparing: Preprocessing) -> Graph:
    graph = Graph(net.name or "net")
    values: dict[str, str] = {}
    shared: dict[int, str] = {}
    for name in net.inputs:
        graph.fresh(name)
    for index, layer in enumerate(net.layers):
        before, after = layout.layers[index]
        names = net.top_names[index]
        if layer.param.type == "Input":
            for name, sizes in zip(names, after):
                values[name] = _input(graph, net, name, layout, sizes, preparing)
            continue
        bottoms = [values[name] for name in net.bottom_names[index]]
        site = Site(graph, layer, bottoms, before, after, shared)
        values.update(zip(names, writer(layer)(site)))
        if layer.param.type in ENDS and not set(names).isdisjoint(net.outputs):
            graph.telling[bottoms[0]] = net.bottom_names[index][0]
    _name(graph, net, values, layout)
    graph.drop_unread()
    return graph


def _input(
    graph: Graph, net: Net, name: str, layout: Layout, sizes: Sizes, preparing: Preprocessing
) -> str:
    """A port, and what happens to its values before the net sees them."""
    shape, kind = net.blobs[name].shape, "float32"
    if name == preparing.name:
        taken = preparing.taken((shape[1], shape[2], shape[3]))
        sizes, shape, kind = (sizes[0], *taken), (shape[0], *taken), preparing.kind
    graph.inputs.append(Port(name, _named(name, sizes, shape, _batch(net, layout)), shape, kind))
    return preparing.write(graph, name) if name == preparing.name else name


def _name(graph: Graph, net: Net, values: dict[str, str], layout: Layout) -> None:
    """Outputs and, where names are free, all values bear the names of their blobs."""
    made = {name for node in graph.nodes for name in node.outputs}
    chosen: dict[str, str] = {}
    given = {port.name for port in graph.inputs}
    sizes = _sizes(net, layout)
    batch = _batch(net, layout)
    for blob in net.outputs:
        value = values[blob]
        name = blob if blob not in given else graph.fresh(f"{blob}_out")
        if value not in made or value in chosen:
            value = graph.add("Identity", [value], name=f"{blob}/Identity")[0]
        chosen[value] = name
        given.add(name)
        shape = net.blobs[blob].shape
        graph.outputs.append(Port(name, _named(blob, sizes[blob], shape, batch), shape))
    taken = given | made | set(graph.constants)
    splits = {top for one in net.param.layer if one.type == "Split" for top in one.top}
    for blob, value in sorted(values.items(), key=lambda pair: pair[0] in splits):
        if value in made and value not in chosen and blob not in taken:
            chosen[value] = blob
            taken.add(blob)
    clash = {name for name in chosen.values() if name in made and name not in chosen}
    chosen.update((name, graph.fresh(f"{name}/value")) for name in clash)
    graph.rename(chosen)


def _sizes(net: Net, layout: Layout) -> dict[str, Sizes]:
    found: dict[str, Sizes] = {}
    for names, (_, after) in zip(net.top_names, layout.layers):
        found.update(zip(names, after))
    return found


def _batch(net: Net, layout: Layout) -> int:
    return batches(net, layout.axis or 0)[0] if net.inputs else 0


def _named(blob: str, sizes: Sizes, shape: Sequence[int], batch: int) -> tuple[int | str, ...]:
    """What varies is called N where it is as long as the batch, else by a name of its own."""
    return tuple(
        size if size is not None else BATCH if length == batch else f"{BATCH}_{blob}_{axis}"
        for axis, (size, length) in enumerate(zip(sizes, shape))
    )
