"""Layers of forks, exported: run by onnxruntime and PyTorch, compared with the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.build import build
from caffe_mnist.exchange.module import GraphModule
from caffe_mnist.exchange.onnx_file import write_onnx
from caffe_mnist.exchange.preprocessing import Preprocessing
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

pytest.importorskip("onnx", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs the exported files")

FILLER = 'type: "uniform" min: 0.5 max: 1.5'
LAYERS = {
    "permute": 'type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }',
    "relu6": 'type: "ReLU6"',
    "relu6-leaky": 'type: "ReLU6" relu6_param { negative_slope: 0.1 }',
    "shuffle": 'type: "ShuffleChannel" shuffle_channel_param { group: 3 }',
    "normalize": f'type: "Normalize" norm_param {{ across_spatial: false channel_shared: false scale_filler {{ {FILLER} }} }}',  # noqa: E501
    "normalize-all": f'type: "Normalize" norm_param {{ scale_filler {{ {FILLER} }} }}',
    "interp": 'type: "Interp" interp_param { height: 11 width: 3 }',
    "interp-zoom": 'type: "Interp" interp_param { zoom_factor: 3 pad_beg: -1 pad_end: -2 }',
    "interp-shrink": 'type: "Interp" interp_param { shrink_factor: 2 pad_beg: -1 }',
    "interp-point": 'type: "Interp" interp_param { height: 1 width: 9 }',
    "upsample": 'type: "Upsample" upsample_param { scale_h: 2 scale_w: 3 }',
    "depthwise": 'type: "DepthwiseConvolution" convolution_param { num_output: 6 group: 6 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } }',  # noqa: E501
    "depthwise-implied": 'type: "ConvolutionDepthwise" convolution_param { num_output: 6 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } }',  # noqa: E501
    "bn-segnet": f'type: "BN" bn_param {{ scale_filler {{ {FILLER} }} shift_filler {{ {FILLER} }} }}',  # noqa: E501
    "bn-inference": f'type: "BN" bn_param {{ bn_mode: INFERENCE scale_filler {{ {FILLER} }} shift_filler {{ {FILLER} }} }}',  # noqa: E501
    "bn-pspnet": f'type: "BN" bn_param {{ slope_filler {{ {FILLER} }} bias_filler {{ {FILLER} }} }}',  # noqa: E501
}
INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 6 dim: 8 dim: 7 } } }'  # noqa: E501


def _net(text: str) -> Net:
    param = parse_text(text, caffe_pb2.NetParameter, "test")
    return Net(param, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))


def _compare(net: Net, folder: Path) -> None:
    random = np.random.default_rng(7)
    export = build(net, Preprocessing(None))
    given = {}
    for port in export.graph.inputs:
        given[port.name] = random.standard_normal(port.shape).astype(np.float32) * 4
        net.blobs[port.name].data = torch.from_numpy(given[port.name])
    net.forward()
    write_onnx(export.graph, folder / "layer.onnx", {})
    session = onnxruntime.InferenceSession(str(folder / "layer.onnx"))
    real = session.run(None, given)
    with torch.no_grad():
        ours = GraphModule(export.graph)(*map(torch.from_numpy, given.values()))
    for blob, *found in zip(net.outputs, real, ours):
        expected = net.blobs[blob].data.numpy()
        for values in found:
            assert values.shape == expected.shape
            np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_the_engine(name: str, tmp_path: Path) -> None:
    """With random parameters; PSPNet's statistics too."""
    net = _net(f'{INPUT} layer {{ name: "l" bottom: "data" top: "top" {LAYERS[name]} }}')
    if name == "bn-pspnet":
        for blob in net.layers[1].blobs[2:]:
            blob.data = torch.rand(blob.shape) + 0.5
    _compare(net, tmp_path)


def test_axpy_equals_the_engine(tmp_path: Path) -> None:
    """Its factors a number a channel."""
    factors = 'layer { name: "p" type: "Pooling" bottom: "data" top: "a" pooling_param { pool: AVE global_pooling: true } }'  # noqa: E501
    layer = 'layer { name: "l" type: "Axpy" bottom: "a" bottom: "data" bottom: "data" top: "y" }'
    _compare(_net(INPUT + factors + layer), tmp_path)


def test_places_of_a_pooling_layer_are_refused() -> None:
    """One line with the layer."""
    pooling = 'layer { name: "p" type: "Pooling" bottom: "data" top: "a" top: "m" pooling_param { kernel_size: 2 stride: 2 } }'  # noqa: E501
    layer = 'layer { name: "l" type: "Upsample" bottom: "a" bottom: "m" top: "y" }'
    with pytest.raises(CaffeMnistError, match=r"'l' \(Upsample\).*places"):
        build(_net(INPUT + pooling + layer), Preprocessing(None))
