"""`caffe test`: a net's weights, scored on its test data."""

from __future__ import annotations

from caffe_mnist.brew.nets import read_net
from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError


def test(flags: Flags) -> int:
    """Score a net's weights on its test data."""
    if not flags.weights:
        raise CaffeMnistError("needs weights to score", hint="-weights FILE")
    from caffe_mnist.engine.glog import info, number
    from caffe_mnist.engine.net import Net
    from caffe_mnist.engine.weights import load_weights
    from caffe_mnist.schema import caffe_pb2

    net = read_net(flags, caffe_pb2.TEST, "caffe.cpp:275")
    for path in filter(None, flags.weights.split(",")):
        load_weights(net, path, info)
    info("caffe.cpp:281", f"Running for {flags.iterations} iterations.")
    assert isinstance(net, Net)
    sums: dict[tuple[str, int], float] = {}
    loss = 0.0
    for batch in range(flags.iterations):
        loss += float(net.forward())
        for name in net.outputs:
            for k, value in enumerate(net.blobs[name].data.flatten().tolist()):
                info("caffe.cpp:304", f"Batch {batch}, {name} = {number(value)}")
                sums[name, k] = sums.get((name, k), 0.0) + value
    count = max(flags.iterations, 1)
    info("caffe.cpp:309", f"Loss: {number(loss / count)}")
    for (name, _), value in sums.items():
        weight = net.blob_loss_weights.get(name, 0.0)
        mean = value / count
        note = f" (* {number(weight)} = {number(weight * mean)} loss)" if weight else ""
        info("caffe.cpp:321", f"{name} = {number(mean)}{note}")
    net.close()
    return 0
