"""Pooling, and what goes along axes."""

from __future__ import annotations

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.operators.convolutions import pads_of
from caffe_mnist.exchange.arriving.parts.pooling import everywhere, pooled
from caffe_mnist.exchange.arriving.parts.reducing import reduced
from caffe_mnist.exchange.arriving.site import Result, Site, operators


def _pool(site: Site) -> Result:
    kernel = site.ints("kernel_shape")
    axes = len(kernel)
    if set(site.spread("dilations", axes, 1)) != {1}:
        raise UnfitError("pools with dilation; Caffe's pooling has none")
    if len(site.node.outputs) > 1 and site.node.outputs[1]:
        raise UnfitError("gives the places of the maxima")
    strides = site.spread("strides", axes, 1)
    pads = pads_of(site, axes, site.value().shape[2:], kernel, strides)
    average = site.node.kind == "AveragePool"
    return pooled(
        site.draft, site.value(), "AVE" if average else "MAX", kernel, strides, pads,
        ceil=bool(site.number("ceil_mode", 0)),
        with_padding=bool(site.number("count_include_pad", 0)),
    )  # fmt: skip


operators.add("MaxPool", _pool)
operators.add("AveragePool", _pool)


@operators.register("GlobalAveragePool")
def _global_average(site: Site) -> Result:
    return everywhere(site.draft, site.value(), "AVE")


@operators.register("GlobalMaxPool")
def _global_max(site: Site) -> Result:
    return everywhere(site.draft, site.value(), "MAX")


def _reduce(site: Site) -> Result:
    method = site.node.kind[len("Reduce") :].upper()
    later = {"ReduceSum": 13}.get(site.node.kind, 18)
    axes = site.ints("axes" if site.opset < later else 1, ())
    if not axes and site.number("noop_with_empty_axes", 0):
        return site.value()
    return reduced(site.draft, site.value(), axes, method, keep=bool(site.number("keepdims", 1)))


for _name in ("ReduceMean", "ReduceSum", "ReduceMax"):
    operators.add(_name, _reduce)
