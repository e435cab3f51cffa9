"""Layers that normalise: BatchNorm, MVN, LRN, Softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caffe_mnist.engine.layers.batch_norm import BatchNorm
from caffe_mnist.engine.layers.lrn import LRN
from caffe_mnist.engine.weights import array
from caffe_mnist.exchange.layers.pools import Windows, average
from caffe_mnist.exchange.site import Site, writers


@writers.register("BatchNorm")
def batch_norm(site: Site) -> Sequence[str]:
    """By the running statistics, divided by their count; else by those of the batch."""
    layer, (x,), axes = site.layer, site.bottoms, len(site.before[0])
    assert isinstance(layer, BatchNorm)
    if not layer.running:
        others = [axis for axis in range(axes) if axis != 1]
        return [normalised(site, x, others, layer.eps)]
    statistics = [site.values(array(one)) for one in layer._running_statistics()]
    ones, zeros = np.ones(layer.channels, np.float32), np.zeros(layer.channels, np.float32)
    inputs = (x, site.values(ones), site.values(zeros), *statistics)
    return [site.add("BatchNormalization", *inputs, epsilon=layer.eps)]


def normalised(site: Site, x: str, axes: Sequence[int], eps: float) -> str:
    """(x - mean) / sqrt(variance + eps)."""
    rest = site.add("Sub", x, _mean(site, x, axes))
    variance = site.add("Add", _mean(site, site.add("Mul", rest, rest), axes), site.number(eps))
    return site.add("Div", rest, site.add("Sqrt", variance))


def _mean(site: Site, x: str, axes: Sequence[int]) -> str:
    return site.add("ReduceMean", x, site.ints(*axes), keepdims=1)


@writers.register("MVN")
def mvn(site: Site) -> Sequence[str]:
    """Less the mean, over (deviation + eps); the top has four axes."""
    param = site.layer.param.mvn_param
    x = site.reshaped(site.bottoms[0], site.before[0], site.after[0])
    axes = [1, 2, 3] if param.across_channels else [2, 3]
    rest = site.add("Sub", x, _mean(site, x, axes))
    if not param.normalize_variance:
        return [rest]
    deviation = site.add("Sqrt", _mean(site, site.add("Mul", rest, rest), axes))
    return [site.add("Div", rest, site.add("Add", deviation, site.number(param.eps)))]


@writers.register("LRN")
def lrn(site: Site) -> Sequence[str]:
    """Across channels ONNX has it; within a channel by its definition."""
    layer, (x,) = site.layer, site.bottoms
    assert isinstance(layer, LRN)
    if layer.across:
        # A window far wider than there are channels holds all of them, as a smaller one does.
        size = min(layer.size, 2 * site.known(site.before[0][1:2])[0] - 1)
        alpha = layer.alpha * size / layer.size
        return [site.add("LRN", x, size=size, alpha=alpha, beta=layer.beta, bias=layer.k)]
    sizes, pad = site.known(site.before[0][2:]), (layer.size - 1) // 2
    windows = Windows(sizes, sizes, [layer.size] * 2, [1, 1], [pad, pad])
    means = average(site, site.add("Mul", x, x), windows)
    sums = site.add("Add", site.add("Mul", means, site.number(layer.alpha)), site.number(1))
    return [site.add("Mul", x, site.add("Pow", sums, site.number(-layer.beta)))]


@writers.register("Softmax")
def softmax(site: Site) -> Sequence[str]:
    """Along one axis."""
    axis = site.axis(site.layer.param.softmax_param.axis)
    return [site.add("Softmax", site.bottoms[0], axis=axis)]
