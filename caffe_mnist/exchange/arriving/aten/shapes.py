"""Shapes, order and parts of values; pictures of another size."""

from __future__ import annotations

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts import arranging
from caffe_mnist.exchange.arriving.parts.arithmetic import tiled
from caffe_mnist.exchange.arriving.parts.padding import with_pads
from caffe_mnist.exchange.arriving.parts.resampling import interpolation, resampled
from caffe_mnist.exchange.arriving.parts.shaping import flattened, shaped
from caffe_mnist.exchange.arriving.site import Result, Site, aten, several


@several(aten, "view", "reshape", "_unsafe_view")
def _view(site: Site) -> Result:
    return shaped(site.draft, site.value("self"), _numbers(site, "size", "shape"))


@aten.register("flatten")
def _flatten(site: Site) -> Result:
    first, last = int(site.number("start_dim", 0)), int(site.number("end_dim", -1))
    return flattened(site.draft, site.value("self"), first, last)


@aten.register("squeeze")
def _squeeze(site: Site) -> Result:
    shape = site.value("self").shape
    axes = site.ints("dim", range(len(shape)))
    axes = [axis % len(shape) for axis in axes]
    kept = [size for axis, size in enumerate(shape) if axis not in axes or size != 1]
    return shaped(site.draft, site.value("self"), kept)


@aten.register("unsqueeze")
def _unsqueeze(site: Site) -> Result:
    sizes = list(site.value("self").shape)
    sizes.insert(int(site.number("dim", 0)) % (len(sizes) + 1), 1)
    return shaped(site.draft, site.value("self"), sizes)


@several(
    aten, "contiguous", "clone", "detach", "alias", "to", "_to_copy", "lift_fresh_copy",
    "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout",
)  # fmt: skip
def _same(site: Site) -> Result:
    if site.argument("train", False):
        raise UnfitError("drops in a model for training", hint="export it after model.eval()")
    kind = site.argument("dtype")
    if kind is not None and kind not in (6, 7, 8, 13):
        raise UnfitError("makes something else than floating point numbers")
    first = next(iter(site.node.settings))
    return site.value(first)


@aten.register("permute")
def _permute(site: Site) -> Result:
    return arranging.permuted(site.draft, site.value("self"), site.ints("dims"))


@aten.register("transpose")
def _transpose(site: Site) -> Result:
    order = list(range(len(site.value("self").shape)))
    one, other = int(site.number("dim0", 0)), int(site.number("dim1", 0))
    order[one], order[other] = order[other], order[one]
    return arranging.permuted(site.draft, site.value("self"), order)


@aten.register("t")
def _t(site: Site) -> Result:
    return arranging.permuted(site.draft, site.value("self"), [1, 0])


@aten.register("expand")
def _expand(site: Site) -> Result:
    value, sizes = site.value("self"), _numbers(site, "size")
    padded = (*(1,) * (len(sizes) - len(value.shape)), *value.shape)
    shape = tuple(old if new == -1 else new for old, new in zip(padded, sizes))
    return tiled(site.draft, value, shape)


@several(aten, "split", "split_with_sizes", "chunk")
def _split(site: Site) -> Result:
    value = site.value("self")
    axis = int(site.number("dim", 0)) % len(value.shape)
    size = value.shape[axis]
    if site.node.kind == "chunk":
        each = -(-size // int(site.number("chunks", 1)))
    else:
        sizes = _numbers(site, "split_sizes", "split_size")
        if site.node.kind == "split_with_sizes" or len(sizes) > 1:
            return arranging.parted(site.draft, value, axis, sizes)
        each = sizes[0]
    parts = [min(each, size - start) for start in range(0, size, each)]
    return arranging.parted(site.draft, value, axis, parts)


@aten.register("slice")
def _slice(site: Site) -> Result:
    value = site.value("self")
    axis = int(site.number("dim", 0)) % len(value.shape)
    start, step = int(site.number("start", 0)), int(site.number("step", 1))
    end = int(site.number("end", 2**63 - 1))
    return arranging.ranges(site.draft, value, {axis: (start, end, step)})


@aten.register("narrow")
def _narrow(site: Site) -> Result:
    start, length = int(site.number("start", 0)), int(site.number("length", 0))
    axis = int(site.number("dim", 0)) % len(site.value("self").shape)
    return arranging.ranges(site.draft, site.value("self"), {axis: (start, start + length, 1)})


@aten.register("select")
def _select(site: Site) -> Result:
    value = site.value("self")
    axis = int(site.number("dim", 0)) % len(value.shape)
    place = np.array([int(site.number("index", 0))])
    made = arranging.picked(site.draft, value, axis, place)
    return made.seen_as((*made.shape[:axis], *made.shape[axis + 1 :]))


@several(aten, "constant_pad_nd", "pad")
def _pad(site: Site) -> Result:
    if site.argument("mode", "constant") != "constant":
        raise UnfitError(f"pads by {site.argument('mode')!r}; Caffe pads with zeros")
    value = site.value("self")
    given = site.ints("pad")
    pairs = [(given[k], given[k + 1]) for k in range(0, len(given), 2)]  # the last axis first
    rank = len(value.shape)
    if any(any(pair) for pair in pairs[rank - 2 :]):
        raise UnfitError("pads the batch or the channels")
    pads = tuple((pairs + [(0, 0)] * rank)[: rank - 2][::-1])
    filling = site.number("value", 0)
    return with_pads(site.draft, value, pads, filling)


@aten.register("pixel_shuffle")
def _shuffle(site: Site) -> Result:
    block = int(site.number("upscale_factor", 1))
    return arranging.pixels_from_channels(
        site.draft, site.value("self"), block, channels_first=True
    )


@aten.register("pixel_unshuffle")
def _unshuffle(site: Site) -> Result:
    block = int(site.number("downscale_factor", 1))
    return arranging.channels_from_pixels(
        site.draft, site.value("self"), block, channels_first=True
    )


@several(aten, "channel_shuffle", "native_channel_shuffle")
def _channels(site: Site) -> Result:
    groups = int(site.number("groups", 1))
    places = np.arange(site.value("self").shape[1]).reshape(groups, -1).T.reshape(-1)
    return arranging.picked(site.draft, site.value("self"), 1, places)


@several(aten, "upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d")
def _upsample(site: Site) -> Result:
    value = site.value("input" if "input" in site.node.settings else "self")
    if len(value.shape) != 4:
        raise UnfitError("resizes something else than pictures")
    mode = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}[
        site.node.kind.split("_")[1][:-2]
    ]
    old = value.shape[2:]
    given = site.argument("scale_factors")
    if given is None:
        given = [site.argument("scales_h"), site.argument("scales_w")]
    new = site.ints("output_size", ()) or [int(n * float(s)) for n, s in zip(old, given)]
    scales = [float(s) if s is not None else n / o for s, n, o in zip(given, new, old)]
    if mode == "nearest":
        coordinates = "asymmetric"
    else:
        coordinates = "align_corners" if site.argument("align_corners") else "half_pixel"
    matrices = [
        interpolation(o, n, s, mode, coordinates, nearest="floor")
        for o, n, s in zip(old, new, scales)
    ]
    return resampled(site.draft, value, *matrices)


def _numbers(site: Site, *names: str) -> list[int]:
    for name in names:
        if site.argument(name) is not None:
            return site.ints(name)
    raise UnfitError(f"has no {names[0]}")
