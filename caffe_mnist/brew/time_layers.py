"""`caffe time`: how long each layer takes."""

from __future__ import annotations

from caffe_mnist.brew.nets import read_net
from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError


def time_layers(flags: Flags) -> int:
    """Time each layer's forward and backward pass."""
    from caffe_mnist.engine.timing import time_net
    from caffe_mnist.schema import caffe_pb2

    phases = {"": caffe_pb2.TRAIN, "TRAIN": caffe_pb2.TRAIN, "TEST": caffe_pb2.TEST}
    if flags.phase not in phases:
        raise CaffeMnistError(f"unknown phase {flags.phase!r}", hint="TRAIN or TEST")
    net = read_net(flags, phases[flags.phase], "caffe.cpp:343")
    time_net(net, flags.iterations)
    net.close()
    return 0
