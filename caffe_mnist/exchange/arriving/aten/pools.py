"""Pooling, and what goes along axes."""

from __future__ import annotations

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.operators.neurons import argmax
from caffe_mnist.exchange.arriving.parts.pooling import everywhere, pooled
from caffe_mnist.exchange.arriving.parts.reducing import reduced
from caffe_mnist.exchange.arriving.parts.resampling import averages, resampled
from caffe_mnist.exchange.arriving.site import Result, Site, aten, several


@several(aten, "max_pool1d", "max_pool2d", "max_pool2d_with_indices", "avg_pool1d", "avg_pool2d")
def _pool(site: Site) -> Result:
    axes = 1 if "1d" in site.node.kind else 2
    kernel = site.spread("kernel_size", axes, 1)
    strides = site.ints("stride", ()) or kernel
    strides = strides * axes if len(strides) == 1 else strides
    if set(site.spread("dilation", axes, 1)) != {1}:
        raise UnfitError("pools with dilation; Caffe's pooling has none")
    average = site.node.kind.startswith("avg")
    override = site.argument("divisor_override")
    if override is not None and override != np.prod(kernel):
        raise UnfitError("divides by a number of its own (divisor_override)")
    pads = tuple((n, n) for n in site.spread("padding", axes, 0))
    return pooled(
        site.draft, site.value("self"), "AVE" if average else "MAX", kernel, strides, pads,
        ceil=bool(site.argument("ceil_mode", False)),
        with_padding=bool(site.argument("count_include_pad", True)),
    )  # fmt: skip


@several(aten, "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def _adaptive(site: Site) -> Result:
    value = site.value("self")
    sizes = value.shape[2:]
    wanted = site.ints("output_size")
    if set(wanted) == {1}:
        return everywhere(site.draft, value, "AVE")
    if all(size % new == 0 for size, new in zip(sizes, wanted)):
        kernel = [size // new for size, new in zip(sizes, wanted)]
        if set(kernel) == {1}:
            return value
        none = tuple((0, 0) for _ in kernel)
        return pooled(site.draft, value, "AVE", kernel, kernel, none)
    if len(sizes) == 1:
        wide = site.draft.plain(value).seen_as((*value.shape, 1))
        return resampled(site.draft, wide, averages(sizes[0], wanted[0]), np.eye(1)).seen_as(
            (*value.shape[:2], wanted[0])
        )
    matrices = [averages(size, new) for size, new in zip(sizes, wanted)]
    return resampled(site.draft, value, *matrices)


@aten.register("adaptive_max_pool2d")
def _adaptive_max(site: Site) -> Result:
    sizes, wanted = site.value("self").shape[2:], site.ints("output_size")
    if set(wanted) == {1}:
        return everywhere(site.draft, site.value("self"), "MAX")
    if any(size % new for size, new in zip(sizes, wanted)):
        raise UnfitError(f"takes maxima of unequal windows: {sizes} to {tuple(wanted)}")
    kernel = [size // new for size, new in zip(sizes, wanted)]
    return pooled(site.draft, site.value("self"), "MAX", kernel, kernel, ((0, 0), (0, 0)))


@several(aten, "mean", "sum", "amax")
def _reduce(site: Site) -> Result:
    method = {"mean": "MEAN", "sum": "SUM", "amax": "MAX"}[site.node.kind]
    keep = bool(site.argument("keepdim", False))
    return reduced(site.draft, site.value("self"), site.ints("dim", ()), method, keep=keep)


@aten.register("argmax")
def _argmax(site: Site) -> Result:
    if site.argument("dim") is None:
        raise UnfitError("goes along the batch")
    found = site.node
    site.node = type(found)(
        found.kind, found.name, [found.settings["self"]], found.outputs,
        {"axis": found.settings["dim"], "keepdims": int(bool(site.argument("keepdim", False)))},
    )  # fmt: skip
    return argmax(site)
