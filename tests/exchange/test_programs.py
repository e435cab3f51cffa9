"""Exported programs: layers that PyTorch's export might not understand with an open batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.exchange.build import build
from caffe_mnist.exchange.comparison import compare, program_runner
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.exchange.program_file import write_program
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

FILL = 'weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "gaussian" std: 0.3 }'
PICTURES = """
layer { name: "x" type: "Input" top: "x"
  input_param { shape { dim: 2 dim: 4 dim: 9 dim: 7 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 6 kernel_size: 3 group: 2 dilation: 2 pad: 2 FILL } }
layer { name: "n" type: "LRN" bottom: "c" top: "n" lrn_param { local_size: 3 alpha: 0.1 } }
layer { name: "b" type: "BatchNorm" bottom: "n" top: "n" }
layer { name: "m" type: "Pooling" bottom: "n" top: "m" top: "at"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "a" type: "Pooling" bottom: "m" top: "a"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "d" type: "Deconvolution" bottom: "a" top: "d"
  convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 FILL } }
layer { name: "crop" type: "Crop" bottom: "d" bottom: "m" top: "crop" crop_param { axis: 2 } }
layer { name: "s" type: "SPP" bottom: "crop" top: "s" spp_param { pyramid_height: 2 } }
layer { name: "l" type: "Slice" bottom: "s" top: "l1" top: "l2" slice_param { slice_point: 6 } }
layer { name: "r" type: "Reshape" bottom: "l1" top: "r"
  reshape_param { shape { dim: 0 dim: 2 dim: -1 } } }
layer { name: "v" type: "MVN" bottom: "r" top: "v" }
layer { name: "f" type: "Flatten" bottom: "v" top: "f" }
layer { name: "e" type: "Concat" bottom: "f" bottom: "l2" top: "e" }
layer { name: "i" type: "InnerProduct" bottom: "e" top: "i"
  inner_product_param { num_output: 5 FILL } }
layer { name: "p" type: "PReLU" bottom: "i" top: "i" }
layer { name: "k" type: "ArgMax" bottom: "i" top: "k"
  argmax_param { top_k: 2 out_max_val: true } }
layer { name: "q" type: "Reduction" bottom: "i" top: "q"
  reduction_param { axis: 1 operation: MEAN } }
layer { name: "prob" type: "Softmax" bottom: "i" top: "prob" }
"""
SEQUENCES = """
layer { name: "x" type: "Input" top: "x" top: "go"
  input_param { shape { dim: 5 dim: 2 } shape { dim: 5 dim: 2 } } }
layer { name: "e" type: "Embed" bottom: "x" top: "e"
  embed_param { input_dim: 20 num_output: 6 FILL } }
layer { name: "l" type: "LSTM" bottom: "e" bottom: "go" top: "l"
  recurrent_param { num_output: 4 FILL } }
layer { name: "r" type: "RNN" bottom: "l" bottom: "go" top: "r"
  recurrent_param { num_output: 3 FILL } }
layer { name: "f" type: "InnerProduct" bottom: "r" top: "f"
  inner_product_param { num_output: 6 axis: 2 FILL } }
layer { name: "prob" type: "Softmax" bottom: "f" top: "prob" softmax_param { axis: 2 } }
"""
PAIRS = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 5 dim: 5 } } }
layer { name: "s" type: "Slice" bottom: "x" top: "one" top: "two" slice_param { axis: 0 } }
layer { name: "d" type: "Eltwise" bottom: "one" bottom: "two" top: "d"
  eltwise_param { operation: SUM coeff: 1 coeff: -1 } }
"""


@pytest.mark.parametrize(
    ("text", "axis", "batches"),
    [(PICTURES, 0, (1, 3)), (SEQUENCES, 1, (1, 3)), (PAIRS, 0, (4, 8))],
    ids=["pictures", "sequences", "pairs"],
)
def test_programs_take_any_batch(
    text: str, axis: int, batches: tuple[int, ...], tmp_path: Path
) -> None:
    """Loaded again, they give what the engine gives."""
    param = parse_text(text.replace("FILL", FILL), caffe_pb2.NetParameter, "test")
    net = Net(param, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(3)))
    preparing = Preprocessing(None)
    export = build(net, preparing)
    assert export.axis == axis
    path = tmp_path / "net.pt2"
    assert write_program(export.graph, path, {}) == ""
    found = compare(net, export, preparing, program_runner(path))
    assert found.batches == batches
    assert found.relative < 1e-5
