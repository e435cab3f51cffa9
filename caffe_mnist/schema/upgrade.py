"""Old ways to write a net, brought to today's, as Caffe does when it reads them."""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2


def with_input_layer(net: caffe_pb2.NetParameter, where: object = "net") -> caffe_pb2.NetParameter:
    """`net`, its `input`s (with `input_shape` or four `input_dim` each) as one Input layer.

    Raises CaffeMnistError when the shapes do not match the inputs, and for layers of old kinds.
    """
    if net.layers:
        raise CaffeMnistError(
            f"has {len(net.layers)} old layers, written layers {{ … }}, which are not read",
            where=where,
            hint="Caffe's upgrade_net_proto_text makes layer { … } of them",
        )
    if not net.input:
        return net
    count, dims = len(net.input), list(net.input_dim)
    if len(net.input_shape) not in (0, count) or (dims and len(dims) != 4 * count):
        raise CaffeMnistError(
            f"names {count} inputs, with {len(net.input_shape)} input_shape and "
            f"{len(dims)} input_dim",
            where=where,
            hint="each needs an input_shape, or four input_dim",
        )
    upgraded = caffe_pb2.NetParameter()
    layer = upgraded.layer.add(name="input", type="Input", top=net.input)
    for index in range(count):
        if net.input_shape:
            layer.input_param.shape.add().CopyFrom(net.input_shape[index])
        else:
            layer.input_param.shape.add(dim=dims[4 * index : 4 * index + 4])
    upgraded.MergeFrom(net)
    for name in ("input", "input_dim", "input_shape"):
        upgraded.ClearField(name)
    return upgraded
