"""InnerProduct, Embed, Scale, Bias: what is learnt, multiplied or added."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers.inner_product import InnerProduct
from caffe_mnist.engine.layers.scale import Bias, Scale
from caffe_mnist.exchange.site import Site, writers


@writers.register("InnerProduct")
def inner_product(site: Site) -> Sequence[str]:
    """One matrix product of rows."""
    layer, (before,), (after,) = site.layer, site.before, site.after
    assert isinstance(layer, InnerProduct)
    rows = site.joined(before[: layer.axis])
    x = site.reshaped(site.bottoms[0], before, (rows, layer.inputs))
    parameters = [site.parameter(index) for index in range(len(layer.blobs))]
    y = site.add("Gemm", x, *parameters, transB=int(not layer.transpose))
    return [site.reshaped(y, (rows, layer.outputs), after)]


@writers.register("Embed")
def embed(site: Site) -> Sequence[str]:
    """Rows of a table."""
    numbers = site.add("Cast", site.bottoms[0], to="int64")
    rows = site.add("Gather", site.parameter(0), numbers, axis=0)
    bias = site.layer.param.embed_param.bias_term
    return [site.add("Add", rows, site.parameter(1)) if bias else rows]


@writers.register("Scale")
def scale(site: Site) -> Sequence[str]:
    """x s, or x s + b."""
    layer = site.layer
    assert isinstance(layer, Scale)
    y = site.add("Mul", site.bottoms[0], _spread(site, layer))
    if layer.param.scale_param.bias_term:
        span = layer.span
        if None in site.before[0][span.axis : span.axis + len(span.shape)]:
            raise site.unfit("has summands along the batch")
        y = site.add("Add", y, site.parameter(len(layer.blobs) - 1, _aligned(layer)))
    return [y]


@writers.register("Bias")
def bias(site: Site) -> Sequence[str]:
    """x + b."""
    layer = site.layer
    assert isinstance(layer, Bias)
    return [site.add("Add", site.bottoms[0], _spread(site, layer))]


def _spread(site: Site, layer: Scale | Bias) -> str:
    """The second bottom or the first parameter, its axes under those that it runs along."""
    if len(site.bottoms) == 1:
        return site.parameter(0, _aligned(layer))
    after = layer.span.axes - layer.span.axis - len(layer.span.shape)
    return site.reshaped(site.bottoms[1], site.before[1], (*site.before[1], *[1] * after))


def _aligned(layer: Scale | Bias) -> tuple[int, ...]:
    """ONNX counts from the last axis: ones for those that follow."""
    after = layer.span.axes - layer.span.axis - len(layer.span.shape)
    return (*layer.span.shape, *[1] * after)
