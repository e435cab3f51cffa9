"""Where boxes and arrows go: the layered drawing of a directed graph without cycles.

As by Sugiyama: each box gets a layer (the longest way from a source), arrows over several layers
get a bend in each, boxes are ordered within their layers by the mean place of their neighbours,
and placed as near to it as the gaps between them allow. Coordinates are *across* (within a
layer) and *along* (the way of the arrows), so that every direction is drawn by the same means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 12
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes and ways of the edges as (across, along), and the whole size.

    A way goes through the layers of both its ends, and those between, straight along them: from
    the end of the first layer to the beginning of the last.
    """

    centres: list[Point]
    ways: list[list[Point]]
    across: float
    along: float


def lay_out(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: float = 24,
    step: float = 34,
) -> Layout:
    """Place boxes of `sizes` (across, along), `edges` leading from earlier to later boxes.

    `gap` stays between neighbours, `step` between layers.
    """
    ranks = _ranks(len(sizes), edges)
    widths = [across for across, _ in sizes]
    chains = []
    for source, target in edges:
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            chain.append(len(ranks))
            ranks.append(rank)
            widths.append(gap / 2)
        chains.append([*chain, target])
    links = [pair for chain in chains for pair in zip(chain, chain[1:])]
    layers = _order(ranks, links)
    across = _place(layers, links, widths, gap, len(sizes))
    extents = _extents(layers, sizes, step)
    centres = [(across[node], sum(extents[ranks[node]]) / 2) for node in range(len(sizes))]
    width = max((x + w / 2 for x, w in zip(across, widths)), default=0.0)
    ways = []
    for chain in chains:
        through = [(across[node], end) for node in chain for end in extents[ranks[node]]]
        ways.append(through[1:-1])
    return Layout(centres, ways, width, extents[-1][1] if extents else 0.0)


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a source; sources stand right before what they feed."""
    ranks = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    fed = {target for _, target in edges}
    for node in range(count):
        below = [ranks[target] for source, target in edges if source == node]
        if node not in fed and below:
            ranks[node] = min(below) - 1
    return ranks


def _neighbours(
    count: int, links: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        above[target].append(source)
        below[source].append(target)
    return above, below


def _order(ranks: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes of each layer, side by side so that few links cross."""
    above, below = _neighbours(len(ranks), links)
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for node, rank in enumerate(ranks):
        layers[rank].append(node)
    best, fewest = layers, _crossings(layers, below)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        place = {node: k for layer in layers for k, node in enumerate(layer)}
        order = layers if sweep % 2 == 0 else layers[::-1]
        beside = above if sweep % 2 == 0 else below
        for layer in order:
            means = {
                node: sum(place[one] for one in beside[node]) / len(beside[node])
                if beside[node]
                else place[node]
                for node in layer
            }
            layer.sort(key=means.__getitem__)
            place.update({node: k for k, node in enumerate(layer)})
        found = _crossings(layers, below)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    return best


def _crossings(layers: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    count = 0
    for layer, following in zip(layers, layers[1:]):
        place = {node: k for k, node in enumerate(following)}
        ends = [place[one] for node in layer for one in sorted(below[node], key=place.__getitem__)]
        count += sum(a > b for k, a in enumerate(ends) for b in ends[k + 1 :])
    return count


def _place(
    layers: Sequence[Sequence[int]],
    links: Sequence[tuple[int, int]],
    widths: Sequence[float],
    gap: float,
    boxes: int,
) -> list[float]:
    """Each node's centre: near the mean of its neighbours; bends of long edges count double.

    They do so both in the mean and in what gives way to what. So a chain of blocks with short
    cuts stays straight, where other means would let it drift to one side from block to block.
    """
    above, below = _neighbours(len(widths), links)
    across = [0.0] * len(widths)
    heavy = [1.0 if node < boxes else 2.0 for node in range(len(widths))]
    for sweep in range(2 * SWEEPS):
        order = layers if sweep % 2 == 0 else layers[::-1]
        beside = above if sweep % 2 == 0 else below
        for layer in order:
            wanted = []
            for node in layer:
                near = beside[node] or above[node] or below[node] or [node]
                weight = sum(heavy[one] for one in near)
                wanted.append(sum(heavy[one] * across[one] for one in near) / weight)
            gaps = [(widths[a] + widths[b]) / 2 + gap for a, b in zip(layer, layer[1:])]
            for node, place in zip(layer, _apart(wanted, [heavy[one] for one in layer], gaps)):
                across[node] = place
    least = min((x - w / 2 for x, w in zip(across, widths)), default=0.0)
    return [x - least for x in across]


def _apart(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to `wanted` (least squares) that keep the gaps, in the same order.

    Neighbours that come too near are pooled and move as one (isotonic regression).
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, number of nodes
    for place, weight, offset in zip(wanted, weights, offsets):
        pool = (place - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            total = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    places = [mean for mean, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets)]


def _extents(
    layers: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]], step: float
) -> list[tuple[float, float]]:
    """Where each layer begins and ends."""
    extents, at = [], 0.0
    for layer in layers:
        depth = max((sizes[node][1] for node in layer if node < len(sizes)), default=0.0)
        extents.append((at, at + depth))
        at += depth + step
    return extents
