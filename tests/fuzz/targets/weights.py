"""Weights (`.caffemodel`): read into a net, upgraded, and looked at for whether they are cut."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from caffe_mnist import upgrade
from caffe_mnist.brew.score import test
from caffe_mnist.engine.flags import Flags
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.launch.resume import _is_whole
from caffe_mnist.predict import main as predict
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_binary
from caffe_mnist.storage.pairs import Pair, is_cut
from tests.fuzz.targets import command, each

NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 1 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 2 } }
"""


def net() -> Net:
    """The net that the weights are for."""
    return Net(parse_text(NET, caffe_pb2.NetParameter, "net"))


@functools.cache
def seeds() -> list[bytes]:
    """Weights as we write them, with numbers one by one, of the old four axes, and of V1 layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.caffemodel")
        save_weights(net(), path)
        whole = path.read_bytes()
        plain = read_binary(path, caffe_pb2.NetParameter)
    old = caffe_pb2.NetParameter(name="old")
    for layer in plain.layer:
        if layer.blobs:
            kind = caffe_pb2.V1LayerParameter.INNER_PRODUCT
            kind = caffe_pb2.V1LayerParameter.CONVOLUTION if layer.name == "conv" else kind
            theirs = old.layers.add(name=layer.name, type=kind)
            for blob in layer.blobs:
                sizes = [1] * (4 - len(blob.shape.dim)) + list(blob.shape.dim)
                names = ("num", "channels", "height", "width")
                theirs.blobs.add(double_data=blob.data, **dict(zip(names, sizes)))
    return [whole, old.SerializeToString()]


def run(data: bytes) -> None:
    """Loading, testing, upgrading, recognising a picture, and asking whether they are whole."""
    weights, state = Path("x_iter_1.caffemodel"), Path("x_iter_1.solverstate")
    weights.write_bytes(data)
    state.write_bytes(b"\x08\x01")
    pair = Pair(1, weights, state, ())
    each(
        lambda: load_weights(net(), weights),
        lambda: is_cut(pair),
        lambda: _is_whole(pair),
        lambda: _test(weights),
    )
    command(upgrade.main, "net", str(weights), "out.caffemodel")
    command(upgrade.main, "net", str(weights), "out.prototxt", "--text")
    _predict(weights)


def _test(weights: Path) -> None:
    Path("net.prototxt").write_text(NET)
    test(Flags(model="net.prototxt", weights=str(weights), iterations=1))


def _predict(weights: Path) -> None:
    Path("net.prototxt").write_text(NET)
    Path("picture.pgm").write_bytes(b"P5 4 4 255\n" + bytes(range(16)))
    command(predict, str(weights), "picture.pgm", "--deploy", "net.prototxt")
