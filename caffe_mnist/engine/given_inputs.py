"""A net with its data replaced by inputs of given shapes, so that it is built without the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.upgrade import upgrade_net


def with_inputs(
    net: caffe_pb2.NetParameter, shapes: Mapping[str, Sequence[int]]
) -> caffe_pb2.NetParameter:
    """The layers of `net`'s own state, the tops named in `shapes` made by Input layers.

    The name "" is the first top of the first layer that reads nothing. The other tops of a layer
    whose first top is given (labels) get its first size only. Raises CaffeMnistError for names
    that no layer without bottoms makes.
    """
    result = filter_net(upgrade_net(net))
    if not shapes:
        return result
    feeding = [one for one in result.layer if not one.bottom and one.top]
    feeding = [one for one in feeding if one.type != "Parameter"]
    if "" in shapes and feeding:
        shapes = {feeding[0].top[0]: shapes[""], **shapes}
    known = [top for one in feeding for top in one.top]
    for name in shapes:
        if name not in known and (name or not feeding):
            hint = f"those of this net: {', '.join(known)}" if known else None
            raise CaffeMnistError(f"no input or data layer makes {name or 'a blob'}", hint=hint)
    for layer in feeding:
        given = [name for name in layer.top if name in shapes]
        if given:
            _replace(layer, {name: shapes[name] for name in given})
    return result


def _replace(layer: caffe_pb2.LayerParameter, shapes: Mapping[str, Sequence[int]]) -> None:
    """Make an Input layer of a layer that reads nothing."""
    old = list(layer.input_param.shape) if layer.type == "Input" else []
    first = next(iter(shapes.values()))[:1]
    plain = caffe_pb2.LayerParameter(name=layer.name, type="Input", top=layer.top)
    for index, name in enumerate(layer.top):
        before = old[index if len(old) > 1 else 0].dim if old else first
        plain.input_param.shape.add(dim=shapes.get(name, before))
    layer.CopyFrom(plain)
