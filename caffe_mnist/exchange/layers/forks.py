"""Layers of forks: Permute, ShuffleChannel, Normalize, Interp, BN, Axpy, ReLU6, Upsample."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from caffe_mnist.engine.layers.bn import BN, SEGNET_EPS
from caffe_mnist.engine.layers.interp import Interp
from caffe_mnist.engine.layers.normalize import Normalize
from caffe_mnist.engine.layers.permute import Permute
from caffe_mnist.engine.layers.relu6 import ReLU6
from caffe_mnist.engine.layers.shuffle_channel import ShuffleChannel
from caffe_mnist.engine.layers.upsample import Upsample
from caffe_mnist.engine.weights import array
from caffe_mnist.exchange.graph import Array
from caffe_mnist.exchange.layers.convolutions import convolution
from caffe_mnist.exchange.layers.normalizations import normalised
from caffe_mnist.exchange.layers.parts import END
from caffe_mnist.exchange.site import Site, writers

LOWEST = float(np.finfo(np.float32).min)

writers.add("DepthwiseConvolution", convolution)
writers.add("ConvolutionDepthwise", convolution)


@writers.register("Permute")
def permute(site: Site) -> Sequence[str]:
    """The axes in the layer's order."""
    assert isinstance(site.layer, Permute)
    return [site.add("Transpose", site.bottoms[0], perm=site.layer.order)]


@writers.register("ReLU6")
def relu6(site: Site) -> Sequence[str]:
    """Clipped at 0, or with a slope below; and at 6."""
    (x,), layer = site.bottoms, site.layer
    assert isinstance(layer, ReLU6)
    low = LOWEST if layer.leak else 0.0
    if layer.leak:
        x = site.add("LeakyRelu", x, alpha=layer.leak)
    return [site.add("Clip", x, site.number(low), site.number(6))]


@writers.register("ShuffleChannel")
def shuffle_channel(site: Site) -> Sequence[str]:
    """Group × channel becomes channel × group."""
    layer, (sizes,) = site.layer, site.before
    assert isinstance(layer, ShuffleChannel)
    channels, *positions = site.known(sizes[1:])
    each, many = channels // layer.group, prod(positions)
    x = site.reshaped(site.bottoms[0], sizes, (sizes[0], layer.group, each, many))
    x = site.add("Transpose", x, perm=[0, 2, 1, 3])
    return [site.reshaped(x, (sizes[0], each, layer.group, many), sizes)]


@writers.register("Normalize")
def normalize(site: Site) -> Sequence[str]:
    """s x / sqrt(Σ x² + eps)."""
    layer, (x,), axes = site.layer, site.bottoms, len(site.before[0])
    assert isinstance(layer, Normalize)
    over = site.ints(*(range(1, axes) if layer.all else [1]))
    squares = site.add("ReduceSum", site.add("Mul", x, x), over, keepdims=1)
    length = site.add("Sqrt", site.add("Add", squares, site.number(layer.eps)))
    factor = site.parameter(0, () if layer.shared else (layer.channels, *[1] * (axes - 2)))
    return [site.add("Mul", site.add("Div", x, length), factor)]


@writers.register("Axpy")
def axpy(site: Site) -> Sequence[str]:
    """a x + y, a for each channel of each picture."""
    factor, x, y = site.bottoms
    sizes = site.before[1]
    spread = (*sizes[:2], *[1] * (len(sizes) - 2))
    factor = site.reshaped(factor, site.before[0], spread)
    return [site.add("Add", site.add("Mul", factor, x), y)]


@writers.register("BN")
def bn(site: Site) -> Sequence[str]:
    """SegNet's by the batch's statistics or by none, PSPNet's by the running ones."""
    layer, (x,), axes = site.layer, site.bottoms, len(site.before[0])
    assert isinstance(layer, BN)
    if not layer.segnet and layer._running():
        parts = [site.values(array(blob.data).reshape(-1)) for blob in layer.blobs]
        return [site.add("BatchNormalization", x, *parts, epsilon=layer.settings.eps)]
    if not (layer.segnet and layer.settings.bn_mode):  # INFERENCE has them in its scale and shift
        others = [axis for axis in range(axes) if axis != 1]
        eps = SEGNET_EPS if layer.segnet else layer.settings.eps
        x = normalised(site, x, others, eps)
    scale, shift = (site.parameter(i, (layer.channels, *[1] * (axes - 2))) for i in (0, 1))
    return [site.add("Add", site.add("Mul", x, scale), shift)]


@writers.register("Interp")
def interp(site: Site) -> Sequence[str]:
    """Bilinear from corner to corner: a product with a matrix along each axis."""
    layer, x, sizes = site.layer, site.bottoms[0], site.known(site.before[0][2:])
    assert isinstance(layer, Interp)
    first, last = -layer.settings.pad_beg, -layer.settings.pad_end
    if first or last:
        ends = [size - last for size in sizes] if last else [END, END]
        x = site.add("Slice", x, site.ints(first, first), site.ints(*ends), site.ints(2, 3))
    rows, columns = (_blend(old - first - last, new) for old, new in zip(sizes, layer.sizes))
    return [site.add("MatMul", site.values(rows), site.add("MatMul", x, site.values(columns.T)))]


def _blend(old: int, new: int) -> Array:
    """How much of each old position is in each new one: new × old."""
    matrix = np.zeros((new, old), np.float32)
    places = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
    lower = np.minimum(places.astype(np.int64), old - 1)
    share = (places - lower).astype(np.float32)
    matrix[np.arange(new), lower] = 1 - share
    matrix[np.arange(new), np.minimum(lower + 1, old - 1)] += share
    return matrix


@writers.register("Upsample")
def upsample(site: Site) -> Sequence[str]:
    """Values repeated along both axes; by a pooling layer's places there is no way."""
    layer, x = site.layer, site.bottoms[0]
    assert isinstance(layer, Upsample)
    if len(site.bottoms) > 1:
        raise layer.error("cannot be exported with the places of a pooling layer")
    for axis, size, scale in zip((2, 3), site.known(site.before[0][2:]), layer.scales):
        places = np.repeat(np.arange(size), scale)
        x = site.add("Gather", x, site.values(places), axis=axis)
    return [x]
