"""Nets that parse, but make no sense: built, and run forward and backward where they are small."""

from __future__ import annotations

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.summary import summarise
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.fuzz.targets import each

MOST = 1 << 16

LAYER = """
layer { name: "in0" type: "Input" top: "in0"
  input_param { shape { dim: 2 dim: 4 dim: 5 dim: 5 } } }
layer { name: "layer" type: "%s" bottom: "in0" top: "out" %s }
"""
SETTINGS = (
    ("Convolution", "convolution_param { num_output: 4 kernel_size: 3 group: 2 pad: 1 stride: 2 }"),
    ("Pooling", "pooling_param { pool: AVE kernel_h: 2 kernel_w: 3 stride: 2 pad: 1 }"),
    ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }"),
    ("InnerProduct", "inner_product_param { num_output: 3 axis: -1 transpose: true }"),
    ("Reshape", "reshape_param { axis: 1 num_axes: 2 shape { dim: 0 dim: -1 } }"),
    ("SPP", "spp_param { pyramid_height: 2 }"),
)


def seeds() -> list[bytes]:
    """Layers with settings."""
    return [(LAYER % one).encode() for one in SETTINGS]


def run(data: bytes) -> None:
    """Build for both phases, run, and count without numbers."""
    try:
        param = parse_text(data.decode(), caffe_pb2.NetParameter, "net")
    except UnicodeDecodeError:
        raise CaffeMnistError("no text", where="net") from None
    each(
        lambda: _run(param, caffe_pb2.TRAIN),
        lambda: _run(param, caffe_pb2.TEST),
        lambda: summarise(param, caffe_pb2.TRAIN),
    )


def _run(param: caffe_pb2.NetParameter, phase: int) -> None:
    net = Net(param, Surroundings(phase))
    try:
        if sum(blob.count for blob in net.blobs.values()) < MOST:
            net.forward()
            if phase == caffe_pb2.TRAIN:
                net.backward()
    finally:
        net.close()
