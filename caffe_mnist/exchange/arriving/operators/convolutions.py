"""Conv and ConvTranspose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts.convolving import convolution, transposed
from caffe_mnist.exchange.arriving.parts.padding import Pairs
from caffe_mnist.exchange.arriving.site import Result, Site, operators


@operators.register("Conv")
def conv(site: Site) -> Result:
    """Over 1 to 3 axes."""
    weights = site.weights(1)
    axes = weights.ndim - 2
    strides, dilations = (site.spread(name, axes, 1) for name in ("strides", "dilations"))
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, weights.shape[2:])]
    pads = pads_of(site, axes, site.value().shape[2:], reach, strides)
    group = int(site.number("group", 1))
    bias = site.optional(2)
    return convolution(site.draft, site.value(), weights, bias, strides, pads, dilations, group)


@operators.register("ConvTranspose")
def conv_transpose(site: Site) -> Result:
    """Its transpose; a wanted output_shape becomes pads."""
    weights = site.weights(1)
    axes = weights.ndim - 2
    strides, dilations = (site.spread(name, axes, 1) for name in ("strides", "dilations"))
    more = site.spread("output_padding", axes, 0)
    group = int(site.number("group", 1))
    automatic = site.argument("auto_pad", "NOTSET")
    wanted = site.ints("output_shape", ())
    if not wanted and automatic.startswith("SAME"):
        wanted = [n * s for n, s in zip(site.value().shape[2:], strides)]
    if wanted:
        full = [
            s * (n - 1) + m + d * (k - 1) + 1
            for s, n, m, d, k in zip(
                strides, site.value().shape[2:], more, dilations, weights.shape[2:]
            )
        ]
        total = [length - size for length, size in zip(full, wanted[-axes:])]
        pads = tuple(
            (n - n // 2, n // 2) if automatic == "SAME_LOWER" else (n // 2, n - n // 2)
            for n in total
        )
    else:
        given = site.ints("pads", [0] * 2 * axes)
        pads = tuple(zip(given[:axes], given[axes:]))
    return transposed(
        site.draft, site.value(), weights, site.optional(2), strides, pads, dilations, group,
        more=more,
    )  # fmt: skip


def pads_of(
    site: Site, axes: int, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> Pairs:
    """`pads`, or what `auto_pad` makes of these sizes."""
    automatic = site.argument("auto_pad", "NOTSET")
    if automatic == "NOTSET":
        given = site.ints("pads", [0] * 2 * axes)
        return tuple(zip(given[:axes], given[axes:]))
    if automatic == "VALID":
        return ((0, 0),) * axes
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise UnfitError(f"pads by {automatic!r}")
    pads = []
    for size, kernel, stride in zip(sizes, reach, strides):
        total = max(((-(-size // stride)) - 1) * stride + kernel - size, 0)
        half = total // 2
        pads.append((half, total - half) if automatic == "SAME_UPPER" else (total - half, half))
    return tuple(pads)


@operators.register("Gemm")
def gemm(site: Site) -> Result:
    """alpha A B + beta C, with A the value."""
    from caffe_mnist.exchange.arriving.parts.convolving import product

    if site.number("transA", 0):
        raise UnfitError("multiplies by the value's transpose")
    weights = site.weights(1) * np.float32(site.number("alpha", 1))
    weights = weights if site.number("transB", 0) else weights.T
    bias = site.optional(2)
    if bias is not None:
        if bias.size not in (1, len(weights)) or (bias.ndim > 1 and bias.shape[0] != 1):
            raise UnfitError("adds a constant that is none of its outputs")
        bias = np.broadcast_to(bias.reshape(-1) * np.float32(site.number("beta", 1)), len(weights))
    return product(site.draft, site.value(), weights, bias)


@operators.register("MatMul")
def matmul(site: Site) -> Result:
    """A value times a matrix of constants."""
    from caffe_mnist.exchange.arriving.parts.convolving import product

    if site.constant(1).ndim != 2:
        raise UnfitError("multiplies by something that is no matrix of constants")
    return product(site.draft, site.value(), site.weights(1).T, None)
