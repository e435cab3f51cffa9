"""Convolutions and products."""

from __future__ import annotations

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts.convolving import convolution, product, transposed
from caffe_mnist.exchange.arriving.site import Result, Site, aten, several


@several(aten, "conv1d", "conv2d", "conv3d")
def _conv(site: Site) -> Result:
    weights = site.weights("weight")
    axes = weights.ndim - 2
    strides, dilations = (site.spread(name, axes, 1) for name in ("stride", "dilation"))
    padding = site.argument("padding", 0)
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(dilations, weights.shape[2:])]
        same = padding == "same"
        pads = tuple((n // 2, n - n // 2) if same else (0, 0) for n in reach)
    else:
        pads = tuple((n, n) for n in site.spread("padding", axes, 0))
    return convolution(
        site.draft, site.value("input"), weights, site.optional("bias"), strides, pads, dilations,
        int(site.number("groups", 1)),
    )  # fmt: skip


@several(aten, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transpose(site: Site) -> Result:
    weights = site.weights("weight")
    axes = weights.ndim - 2
    strides, dilations = (site.spread(name, axes, 1) for name in ("stride", "dilation"))
    pads = tuple((n, n) for n in site.spread("padding", axes, 0))
    return transposed(
        site.draft, site.value("input"), weights, site.optional("bias"), strides, pads, dilations,
        int(site.number("groups", 1)), more=site.spread("output_padding", axes, 0),
    )  # fmt: skip


@aten.register("convolution")
def _either(site: Site) -> Result:
    return _transpose(site) if site.argument("transposed") else _conv(site)


@aten.register("linear")
def _linear(site: Site) -> Result:
    return product(site.draft, site.value("input"), site.weights("weight"), site.optional("bias"))


@aten.register("addmm")
def _addmm(site: Site) -> Result:
    weights = site.weights("mat2").T * np.float32(site.number("alpha", 1))
    bias = site.weights("self") * np.float32(site.number("beta", 1))
    if bias.size != len(weights):
        raise UnfitError("adds a constant that is none of its outputs")
    return product(site.draft, site.value("mat1"), weights, bias.reshape(-1))


@several(aten, "mm", "matmul")
def _mm(site: Site) -> Result:
    weights = site.weights("mat2" if site.node.kind == "mm" else "other")
    if weights.ndim != 2:
        raise UnfitError("multiplies by something that is no matrix of constants")
    return product(site.draft, site.value("self"), weights.T, None)
