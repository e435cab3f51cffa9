"""Layers that cut, repeat or choose: Slice, Crop, Tile, BatchReindex, Filter."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers.parts import Crop, Slice, Tile
from caffe_mnist.exchange.site import Site, writers

END = 2**62  # a Slice to here goes to the end, however long the axis is


@writers.register("Slice")
def cut(site: Site) -> Sequence[str]:
    """At the same places; equal parts of an axis that varies are a Split."""
    layer, (x,) = site.layer, site.bottoms
    assert isinstance(layer, Slice)
    count = len(site.after)
    if count == 1:
        return [x]
    if not layer.points and None in site.before[0][layer.axis : layer.axis + 1]:
        return site.several("Split", count, x, axis=layer.axis, num_outputs=count)
    bounds = [0]
    for size in layer.sizes[:-1]:
        bounds.append(bounds[-1] + size)
    return [part(site, x, layer.axis, begin, end) for begin, end in zip(bounds, [*bounds[1:], END])]


def part(site: Site, x: str, axis: int, begin: int, end: int) -> str:
    """The values from `begin` to before `end` along an axis."""
    return site.add("Slice", x, site.ints(begin), site.ints(end), site.ints(axis))


@writers.register("Crop")
def crop(site: Site) -> Sequence[str]:
    """The layer's window; an axis that varies must be whole."""
    layer, x = site.layer, site.bottoms[0]
    assert isinstance(layer, Crop)
    whole, result = site.before[0], site.after[0]
    axes = []
    for axis, window in enumerate(layer.window):
        if whole[axis] is None and (window.start or result[axis] is not None):
            raise site.unfit("cuts the batch")
        if result[axis] != whole[axis]:
            axes.append(axis)
    if not axes:
        return [x]
    starts = [layer.window[axis].start for axis in axes]
    ends = [layer.window[axis].stop for axis in axes]
    return [site.add("Slice", x, site.ints(*starts), site.ints(*ends), site.ints(*axes))]


@writers.register("Tile")
def tile(site: Site) -> Sequence[str]:
    """Repeated along one axis."""
    layer = site.layer
    assert isinstance(layer, Tile)
    repeats = [1] * len(site.before[0])
    repeats[layer.axis] = layer.tiles
    return [site.add("Tile", site.bottoms[0], site.ints(*repeats))]


@writers.register("BatchReindex")
def batch_reindex(site: Site) -> Sequence[str]:
    """Pictures by their numbers."""
    numbers = site.add("Cast", site.bottoms[1], to="int64")
    return [site.add("Gather", site.bottoms[0], numbers, axis=0)]


@writers.register("Filter")
def marked(site: Site) -> Sequence[str]:
    """Pictures by their marks."""
    if any(sizes[0] is not None for sizes in site.after):
        raise site.layer.error("needs a batch of any size to be exported")
    marks = site.reshaped(site.bottoms[-1], site.before[-1], (None,))
    marks = site.add("Cast", marks, to="bool")
    return [site.add("Compress", x, marks, axis=0) for x in site.bottoms[:-1]]
