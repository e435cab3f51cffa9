"""Nets as text, valid or not: every reader of prototxt and the commands that take a net."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist import draw_net, net_summary, template, upgrade
from caffe_mnist.layouts.deploy import deploy_text
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.prototxt import parse
from caffe_mnist.schema.upgrade import upgrade_net
from tests.fuzz.targets import command, each

NET = """
name: "net" # comment
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: [2, 1], dim: 6 dim: 6 } }
  include { phase: TRAIN not_stage: "deploy" } }
layer { name: "data" type: 'Input' top: "data"
  input_param < shape: { dim: 2 dim: 1 dim: 6 dim: 6 } > include { phase: TEST min_level: -1 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { name: "w" lr_mult: 1e-1 }
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE kernel_size: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip"
  inner_product_param { num_output: 3 } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" relu_param { negative_slope: .5f } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" softmax_param { axis: -1 } }
"""
OLD = """
name: "old"; input: "data" input_dim: 1 input_dim: 1 input_dim: 6 input_dim: 0x6
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 weight_decay: 0
  convolution_param { num_output: 2 kernel_size: 3 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
"""
OLDEST = """
name: "oldest" input: "data" input_dim: [1, 1, 6, 6]
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "pad" }
layers { layer { name: "conv" type: "conv" num_output: 2 kernelsize: 3 } bottom: "pad" top: "conv" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.2 } bottom: "conv" top: "conv" }
"""


def seeds() -> list[bytes]:
    """Nets of today's form and of both old ones."""
    return [text.encode() for text in (NET, OLD, OLDEST)]


def run(data: bytes) -> None:
    """Both parsers, and template, upgrade, net_summary and draw_net."""
    Path("net.prototxt").write_bytes(data)
    each(
        lambda: read_text("net.prototxt", caffe_pb2.NetParameter),
        lambda: parse(
            data.decode("utf-8", "surrogateescape"), caffe_pb2.NetParameter.DESCRIPTOR, "net"
        ),
        lambda: deploy_text(
            upgrade_net(read_text("net.prototxt", caffe_pb2.NetParameter)), (1, 1, 6, 6), "net"
        ),
    )
    command(template.main, "net.prototxt", "--layout", "modelarts")
    command(template.main, "net.prototxt", "--data", "/data", "--check")
    command(upgrade.main, "net", "net.prototxt", "out.prototxt")
    command(upgrade.main, "net", "net.prototxt", "out.caffemodel", "--binary")
    command(net_summary.main, "net.prototxt", "--json")
    command(draw_net.main, "net.prototxt", "out.svg", "--no-shapes")
