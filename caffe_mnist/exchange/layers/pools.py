"""Pooling and SPP, with Caffe's windows.

The far padding is written so that exactly Caffe's windows fit: those of the rounded-up size,
without one that would start in the padding. ONNX's own rounding up (ceil_mode) means something
else from version to version. Averages are over the window cut at the padded border, which ONNX
does not know: the average over the whole window is multiplied by what is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caffe_mnist.engine.layers.pooling import Pooling
from caffe_mnist.engine.layers.spp import SPP
from caffe_mnist.engine.layers.stochastic import SMALLEST
from caffe_mnist.exchange.site import Site, writers
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Windows:
    """Windows along the two axes of pictures of `sizes`, `pooled` of them."""

    sizes: Sequence[int]
    pooled: Sequence[int]
    kernel: Sequence[int]
    stride: Sequence[int]
    pad: Sequence[int]

    def settings(self) -> dict[str, list[int]]:
        """As ONNX's pooling operators take them."""
        ends = [
            max((count - 1) * stride + kernel - size - pad, 0)
            for size, count, kernel, stride, pad in zip(
                self.sizes, self.pooled, self.kernel, self.stride, self.pad
            )
        ]
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.stride),
            "pads": [*self.pad, *ends],
        }

    def missing(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """For each window, all its places divided by those within the padded picture."""
        shares = []
        for size, count, kernel, stride, pad in zip(
            self.sizes, self.pooled, self.kernel, self.stride, self.pad
        ):
            starts = np.arange(count) * stride - pad
            ends = np.minimum(starts + kernel, size + pad)
            shares.append(kernel / (ends - starts))
        return np.outer(shares[0], shares[1]).astype(np.float32)


def largest(site: Site, x: str, windows: Windows, places: bool = False) -> list[str]:
    """The largest values; with `places` also where they are (h W + w)."""
    if not places:
        return [site.add("MaxPool", x, **windows.settings())]
    y, at = site.several("MaxPool", 2, x, **windows.settings())
    # ONNX counts through the whole batch.
    at = site.add("Mod", at, site.values(np.array(windows.sizes[0] * windows.sizes[1], np.int64)))
    return [y, site.add("Cast", at, to="float32")]


def average(site: Site, x: str, windows: Windows) -> str:
    """The averages."""
    y = site.add("AveragePool", x, count_include_pad=1, **windows.settings())
    missing = windows.missing()
    return y if (missing == 1).all() else site.add("Mul", y, site.values(missing))


def expected(site: Site, x: str, windows: Windows) -> str:
    """Σ x² / Σ x, what stochastic pooling gives in testing."""
    settings = {**windows.settings(), "count_include_pad": 1}
    count = site.number(float(np.prod(windows.kernel)))
    squares = site.add("AveragePool", site.add("Mul", x, x), **settings)
    sums = site.add("Mul", site.add("AveragePool", x, **settings), count)
    sums = site.add("Add", sums, site.number(SMALLEST))
    return site.add("Div", site.add("Mul", squares, count), sums)


def pooled(site: Site, layer: Pooling, x: str, windows: Windows, tops: int = 1) -> list[str]:
    """By the layer's method."""
    if layer.largest:
        return largest(site, x, windows, tops > 1)
    if layer.drawn and layer.phase == caffe_pb2.TRAIN:
        raise layer.error("draws by chance in the TRAIN phase")
    return [expected(site, x, windows) if layer.drawn else average(site, x, windows)]


@writers.register("Pooling")
def pooling(site: Site) -> Sequence[str]:
    """One operator, mostly."""
    layer = site.layer
    assert isinstance(layer, Pooling)
    if any(layer.empty):
        raise layer.error("has windows behind the picture (its stride is above its kernel)")
    sizes, counts = site.known(site.before[0][1:])[1:], site.known(site.after[0][2:])
    windows = Windows(sizes, counts, layer.kernel, layer.stride, layer.pad)
    return pooled(site, layer, site.bottoms[0], windows, len(site.after))


@writers.register("SPP")
def pyramid(site: Site) -> Sequence[str]:
    """A pooling for each level, joined."""
    layer, (before,) = site.layer, site.before
    assert isinstance(layer, SPP)
    sizes = site.known(before[1:])
    parts = []
    for level, blob in zip(layer.levels, layer.pooled):
        counts = blob.shape[2:]
        windows = Windows(sizes[1:], counts, level.kernel, level.stride, level.pad)
        part = pooled(site, level, site.bottoms[0], windows)[0]
        flat = sizes[0] * counts[0] * counts[1]
        if layer.height > 1:
            part = site.reshaped(part, (before[0], sizes[0], *counts), (before[0], flat))
        parts.append(part)
    return [parts[0] if layer.height == 1 else site.add("Concat", *parts, axis=1)]
