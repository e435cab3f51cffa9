"""Layers that hand values on: Split, Concat, Flatten, Reshape, Eltwise, Silence."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers.joints import Concat, Eltwise
from caffe_mnist.exchange.layers.neurons import linear
from caffe_mnist.exchange.site import Site, writers
from caffe_mnist.schema import caffe_pb2


@writers.register("Split")
def split(site: Site) -> Sequence[str]:
    """Every top is the bottom."""
    return site.bottoms * len(site.after)


@writers.register("Silence")
def silence(site: Site) -> Sequence[str]:
    """No tops."""
    return []


@writers.register("Concat")
def concat(site: Site) -> Sequence[str]:
    """Along the same axis."""
    assert isinstance(site.layer, Concat)
    return [site.add("Concat", *site.bottoms, axis=site.layer.axis)]


@writers.register("Flatten")
def reshape(site: Site) -> Sequence[str]:
    """The shape that the layer worked out."""
    return [site.reshaped(site.bottoms[0], site.before[0], site.after[0])]


writers.add("Reshape", reshape)


@writers.register("Eltwise")
def eltwise(site: Site) -> Sequence[str]:
    """PROD, SUM with coefficients, MAX."""
    layer, kinds = site.layer, caffe_pb2.EltwiseParameter
    assert isinstance(layer, Eltwise)
    if layer.operation == kinds.MAX:
        return [site.add("Max", *site.bottoms)]
    values = list(site.bottoms)
    if layer.operation == kinds.SUM:
        values = [linear(site, x, c, 0) for x, c in zip(values, layer.coefficients)]
    result = values[0]
    for value in values[1:]:
        result = site.add("Mul" if layer.operation == kinds.PROD else "Add", result, value)
    return [result]
