"""Shapes, order and parts of values."""

from __future__ import annotations

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts import arranging
from caffe_mnist.exchange.arriving.parts.arithmetic import tiled
from caffe_mnist.exchange.arriving.parts.padding import with_pads
from caffe_mnist.exchange.arriving.parts.shaping import shaped
from caffe_mnist.exchange.arriving.site import Result, Site, operators
from caffe_mnist.exchange.arriving.value import count, words


@operators.register("Reshape")
def reshape(site: Site) -> Result:
    """The shape is a setting up to opset 4, an argument since 5."""
    sizes = site.ints("shape" if site.opset < 5 else 1)
    copies = not site.number("allowzero", 0)
    return shaped(site.draft, site.value(), sizes, zero_copies=copies)


@operators.register("Flatten")
def flatten(site: Site) -> Result:
    """Two axes: what is before, and what is from `axis` on."""
    shape = site.value().shape
    axis = int(site.number("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    return shaped(site.draft, site.value(), (count(shape[:axis]), count(shape[axis:])))


def _axes(site: Site) -> list[int]:
    return site.ints("axes" if site.opset < 13 else 1, ())


@operators.register("Squeeze")
def squeeze(site: Site) -> Result:
    """Without axes of 1."""
    shape = site.value().shape
    axes = {axis % len(shape) for axis in _axes(site)}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise UnfitError(f"squeezes {words(shape)}")
    return shaped(
        site.draft, site.value(), [size for axis, size in enumerate(shape) if axis not in axes]
    )


@operators.register("Unsqueeze")
def unsqueeze(site: Site) -> Result:
    """With axes of 1."""
    sizes = list(site.value().shape)
    rank = len(sizes) + len(_axes(site))
    for axis in sorted(axis % rank for axis in _axes(site)):
        sizes.insert(axis, 1)
    return shaped(site.draft, site.value(), sizes)


@operators.register("Identity")
def identity(site: Site) -> Result:
    """The same."""
    return site.value()


@operators.register("Dropout")
def dropout(site: Site) -> Result:
    """Nothing, outside of training."""
    if site.opset >= 12 and site.argument(2) is not None and bool(site.constant(2).reshape(-1)[0]):
        raise UnfitError("drops in a model for training", hint="export it after model.eval()")
    return [site.value(), np.ones(1)][: len(site.node.outputs)]


@operators.register("Cast")
def cast(site: Site) -> Result:
    """To another kind of floating point, which Caffe has not: the same."""
    if int(site.number("to", 1)) not in (1, 10, 11, 16):
        raise UnfitError("makes something else than floating point numbers")
    return site.value()


@operators.register("Shape")
def shape_of(site: Site) -> Result:
    """A constant: the batch is seen in it by its size."""
    sizes = site.value().shape
    start, end = int(site.number("start", 0)), int(site.number("end", len(sizes)))
    return np.array(sizes[start:end], np.int64)


@operators.register("Size")
def size_of(site: Site) -> Result:
    """A constant."""
    return np.array(count(site.value().shape), np.int64)


@operators.register("Transpose")
def transpose(site: Site) -> Result:
    """Where it moves no number, or channels only."""
    rank = len(site.value().shape)
    order = site.ints("perm", list(range(rank))[::-1])
    return arranging.permuted(site.draft, site.value(), order)


@operators.register("Slice")
def slice_(site: Site) -> Result:
    """Settings up to opset 9, arguments since 10."""
    value = site.value()
    old = site.opset < 10
    starts, ends = site.ints("starts" if old else 1), site.ints("ends" if old else 2)
    axes = site.ints("axes" if old else 3, range(len(starts)))
    steps = [1] * len(starts) if old else site.ints(4, [1] * len(starts))
    cuts = {
        axis % len(value.shape): (start, end, step)
        for axis, start, end, step in zip(axes, starts, ends, steps)
    }
    return arranging.ranges(site.draft, value, cuts)


@operators.register("Gather")
def gather(site: Site) -> Result:
    """Parts of an axis, by constant places."""
    value = site.value()
    axis = int(site.number("axis", 0)) % len(value.shape)
    places = site.constant(1)
    if places.ndim > 1:
        raise UnfitError("gathers by places of several axes")
    made = arranging.picked(site.draft, value, axis, places.reshape(-1).astype(np.int64))
    shape = made.shape
    return made if places.ndim else made.seen_as((*shape[:axis], *shape[axis + 1 :]))


@operators.register("Pad")
def pad(site: Site) -> Result:
    """A constant around the pictures; the pads are settings up to opset 10."""
    if site.argument("mode", "constant") != "constant":
        raise UnfitError(f"pads by {site.argument('mode')!r}; Caffe pads with zeros")
    value = site.value()
    old = site.opset < 11
    given = site.ints("pads" if old else 1)
    axes = site.ints(3, range(len(value.shape))) if not old else list(range(len(value.shape)))
    filling = site.number("value" if old else 2, 0)
    pairs = {
        axis % len(value.shape): (given[k], given[k + len(axes)]) for k, axis in enumerate(axes)
    }
    if any(any(pairs.get(axis, (0, 0))) for axis in (0, 1)):
        raise UnfitError(f"pads the batch or the channels of {words(value.shape)}")
    pads = tuple(pairs.get(axis, (0, 0)) for axis in range(2, len(value.shape)))
    return with_pads(site.draft, value, pads, filling)


@operators.register("Expand")
def expand(site: Site) -> Result:
    """Axes of 1 made longer."""
    value = site.value()
    shape = tuple(int(n) for n in np.broadcast_shapes(value.shape, tuple(site.ints(1))))
    return tiled(site.draft, value, shape)


@operators.register("Tile")
def tile(site: Site) -> Result:
    """Axes again and again."""
    value = site.draft.plain(site.value())
    for axis, times in enumerate(site.ints(1)):
        if times == 1:
            continue
        shape = value.shape
        if axis == 0:
            raise UnfitError("makes the batch longer")
        made = (*shape[:axis], shape[axis] * times, *shape[axis + 1 :])
        param = {"axis": axis, "tiles": times}
        value = site.draft.layer("Tile", [value], made, tile_param=param)
    return value


@operators.register("DepthToSpace")
def depth_to_space(site: Site) -> Result:
    """Channels to pixels."""
    crd = site.argument("mode", "DCR") == "CRD"
    block = int(site.number("blocksize", 1))
    return arranging.pixels_from_channels(site.draft, site.value(), block, channels_first=crd)


@operators.register("SpaceToDepth")
def space_to_depth(site: Site) -> Result:
    """Pixels to channels."""
    block = int(site.number("blocksize", 1))
    return arranging.channels_from_pixels(site.draft, site.value(), block, channels_first=False)
