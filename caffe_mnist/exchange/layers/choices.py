"""ArgMax and Reduction."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers.argmax import ArgMax
from caffe_mnist.exchange.site import Site, writers
from caffe_mnist.schema import caffe_pb2

Kinds = caffe_pb2.ReductionParameter


@writers.register("ArgMax")
def argmax(site: Site) -> Sequence[str]:
    """Places, values or both. Of equal values ONNX takes the first, Caffe the last: so backward."""
    layer, (x,), (before,) = site.layer, site.bottoms, site.before
    assert isinstance(layer, ArgMax)
    param, axis = layer.param.argmax_param, layer.axis
    if axis is None:
        axis, flat = 1, (before[0], site.joined(before[1:]))
        x, before = site.reshaped(x, before, flat), flat
    (size,) = site.known(before[axis : axis + 1])
    backward = site.add("Slice", x, site.ints(-1), site.ints(-(2**62)), site.ints(axis),
                        site.ints(-1))  # fmt: skip
    values, places = site.several("TopK", 2, backward, site.ints(param.top_k), axis=axis)
    places = site.add("Sub", site.number(size - 1), site.add("Cast", places, to="float32"))
    if layer.axis is not None:
        return [values if param.out_max_val else places]
    found, rows = places, param.top_k
    if param.out_max_val:
        found, rows = site.add("Concat", places, values, axis=1), 2 * param.top_k
    return [site.reshaped(found, (before[0], rows), site.after[0])]


@writers.register("Reduction")
def reduction(site: Site) -> Sequence[str]:
    """SUM, ASUM, SUMSQ or MEAN of the axes from one on, times a coefficient."""
    param, (x,) = site.layer.param.reduction_param, site.bottoms
    if param.operation == Kinds.ASUM:
        x = site.add("Abs", x)
    elif param.operation == Kinds.SUMSQ:
        x = site.add("Mul", x, x)
    axes = range(site.axis(param.axis), len(site.before[0]))
    kind = "ReduceMean" if param.operation == Kinds.MEAN else "ReduceSum"
    y = site.add(kind, x, site.ints(*axes), keepdims=0) if axes else x
    return [y if param.coeff == 1 else site.add("Mul", y, site.number(param.coeff))]
