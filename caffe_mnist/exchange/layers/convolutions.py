"""Convolution, Deconvolution, Im2col: of 0 to 3 spatial axes, grouped, dilated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from caffe_mnist.engine.layer import LARGEST
from caffe_mnist.engine.layers.convolution import Convolution
from caffe_mnist.engine.layers.im2col import Im2col
from caffe_mnist.exchange.graph import Sizes
from caffe_mnist.exchange.site import Site, writers

MOST_AXES = 3


@writers.register("Convolution")
def convolution(site: Site) -> Sequence[str]:
    """Each bottom into its top; Caffe's axes before the channels are one axis here."""
    layer = site.layer
    assert isinstance(layer, Convolution)
    geometry, spatial = layer.geometry, len(layer.geometry.kernel)
    if spatial > MOST_AXES:
        raise layer.error(f"has {spatial} spatial axes", f"at most {MOST_AXES} can be exported")
    # A convolution without spatial axes is one along an axis of size 1.
    weights = site.parameter(0, None if spatial else (*layer.blobs[0].shape, 1))
    parameters = [weights, *([site.parameter(1)] if layer.bias else [])]
    settings = {
        "kernel_shape": geometry.kernel or [1],
        "strides": geometry.stride or [1],
        "pads": [*geometry.pad, *geometry.pad] or [0, 0],
        "dilations": geometry.dilation or [1],
        "group": layer.group,
    }
    kind = "ConvTranspose" if layer.transposed else "Conv"
    tops = []
    for x, before, after in zip(site.bottoms, site.before, site.after):
        inside, outside = _images(site, before, layer.axis), _images(site, after, layer.axis)
        x = site.reshaped(x, before, inside)
        sizes = before[layer.axis + 1 :]  # of one that varies, nothing is said to be missing
        missing = layer.missing([LARGEST if size is None else size for size in sizes])
        if any(missing):
            x = site.add("Pad", x, site.ints(*[0] * (spatial + 4), *missing), site.number(0))
        y = site.add(kind, x, *parameters, **settings)
        tops.append(site.reshaped(y, outside, after))
    return tops


writers.add("Deconvolution", convolution)


def _images(site: Site, sizes: Sizes, axis: int) -> Sizes:
    """N × C × spatial."""
    rest = sizes[axis:] if len(sizes) > axis + 1 else (*sizes[axis:], 1)
    return sizes[:axis] + rest if axis == 1 else (site.joined(sizes[:axis]), *rest)


@writers.register("Im2col")
def im2col(site: Site) -> Sequence[str]:
    """Along each axis, position × element of the kernel; then the order of the axes."""
    layer, (x,), (before,) = site.layer, site.bottoms, site.before
    assert isinstance(layer, Im2col)
    geometry, first, spatial = layer.geometry, layer.axis + 1, layer.spatial
    inside = site.known(before[layer.axis :])
    for index, (pad, missing) in enumerate(zip(geometry.pad, geometry.missing(inside[1:]))):
        if pad or missing:
            begin, end = [0] * len(before), [0] * len(before)
            begin[first + index], end[first + index] = pad, pad + missing
            x = site.add("Pad", x, site.ints(*begin, *end), site.number(0))
        starts = np.arange(layer.sizes[index]) * geometry.stride[index]
        steps = np.arange(geometry.kernel[index]) * geometry.dilation[index]
        places = site.values((starts[:, None] + steps).astype(np.int64).ravel())
        x = site.add("Gather", x, places, axis=first + index)
    pairs = [size for pair in zip(layer.sizes, geometry.kernel) for size in pair]
    # The axes before the channels are one while axes are moved: one of them may vary.
    outer = site.joined(before[: layer.axis])
    x = site.reshaped(x, (), (outer, inside[0], *pairs))
    elements, positions = range(3, 3 + 2 * spatial, 2), range(2, 2 + 2 * spatial, 2)
    x = site.add("Transpose", x, perm=[0, 1, *elements, *positions])
    channels = inside[0] * prod(geometry.kernel)
    return [site.reshaped(x, (), (*before[: layer.axis], channels, *layer.sizes))]
