"""Shapes without building a net: as the engine has them, or not told."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="compares with the engine")

import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.summary import clear_fillers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.layer_sizes import rules
from caffe_mnist.layouts.sizes import sizes_of
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text, read_text
from caffe_mnist.schema.upgrade import upgrade_net
from tests.parity.cases import CASES

ROOT = Path(__file__).resolve().parents[2]


def compare(net: caffe_pb2.NetParameter, phase: int) -> bool:
    """Against the engine; whether all was told."""
    clear_fillers(net)
    net.state.phase = phase  # type: ignore[assignment]
    chosen = filter_net(net)
    built = Net(net, Surroundings(phase, torch.device("meta")))
    shapes = {name: tuple(blob.shape) for name, blob in built.blobs.items()}
    found = sizes_of(list(chosen.layer), {})
    assert found.faults == []
    counts = dict(zip([one.name for one in built.layers], built.layers))
    for layer, tops, count in zip(chosen.layer, found.tops, found.counts):
        for name, shape in zip(layer.top, tops or ()):
            assert shape == shapes[name], (layer.name, name)
        if tops is not None:
            assert count == sum(blob.count for blob in counts[layer.name].blobs), layer.name
    if found.known:
        owners = {id(blob.owner or blob): blob.count for one in built.layers for blob in one.blobs}
        assert found.parameters == sum(owners.values())
    return found.known


def test_every_setting_of_every_layer_that_real_caffe_is_asked_about(tmp_path: Path) -> None:
    """No wrong shape, no false fault; and most are told."""
    told: set[str] = set()
    for case in CASES:
        if case.files is None and case.type != "Python":
            net = upgrade_net(parse_text(case.net(tmp_path), caffe_pb2.NetParameter, case.name))
            if compare(net, getattr(caffe_pb2, case.phase)):
                told.add(case.type)
    untold = set(rules) - told
    assert untold <= {"Input", "DummyData", "ReLU6", "Parameter", "Split", "Silence"}, untold


@pytest.mark.parametrize("phase", [caffe_pb2.TRAIN, caffe_pb2.TEST])
@pytest.mark.parametrize("name", sorted(path.parent.name + "/" + path.name for path in
                                        (ROOT / "prototxt").glob("*/*.prototxt")))  # fmt: skip
def test_ready_nets(name: str, phase: int) -> None:
    """Of all nets in prototxt/, with pictures of some size in the place of data."""
    try:
        net = upgrade_net(read_text(ROOT / "prototxt" / name, caffe_pb2.NetParameter))
    except CaffeMnistError:
        pytest.skip("a solver")
    for layer in net.layer:
        if not layer.bottom and layer.type not in ("Input", "DummyData"):
            layer.type = "Input"
            for place in range(len(layer.top)):
                side = layer.transform_param.crop_size or 28
                channels = 1 if "lenet" in name or "mnist" in name else 3
                dims = [4, channels, side, side][: 1 if place else 4]
                layer.input_param.shape.add(dim=dims)
    compare(net, phase)


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ('type: "Convolution" convolution_param { num_output: 4 kernel_size: 9 }',
         "kernel 9 is larger than the padded input 8 [x is 2x6x8x8]"),
        ('type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 group: 4 }',
         "group 4 must divide the 6 input channels and num_output 4 [x is 2x6x8x8]"),
        ('type: "Pooling" pooling_param { kernel_size: 2 pad: 2 }', "pad must be smaller"),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: 5 } }', "cannot turn 768 values"),
        ('type: "Slice" top: "b" top: "c" top: "d"', "cannot cut axis 1 of size 6 into 4 parts"),
        ('type: "Eltwise" bottom: "z"', "needs bottoms of one shape"),
        ('type: "SoftmaxWithLoss" bottom: "z"', "needs 128 labels, found 2 [x is 2x6x8x8, z is 2]"),
        ('type: "InnerProduct" inner_product_param { num_output: 3 axis: 5 }', "out of range"),
    ],
)  # fmt: skip
def test_faults(layer: str, what: str) -> None:
    """Each in a line with the shapes that came in; what hangs on it is not told."""
    text = (
        'layer { name: "x" type: "Input" top: "x" top: "z" input_param { '
        "shape { dim: 2 dim: 6 dim: 8 dim: 8 } shape { dim: 2 } } }"
        f'layer {{ name: "y" bottom: "x" {layer} top: "y" }}'
        'layer { name: "r" type: "ReLU" bottom: "y" top: "r" }'
    )
    found = sizes_of(list(parse_text(text, caffe_pb2.NetParameter, "test").layer), {})
    ((index, words),) = found.faults
    assert index == 1
    assert what in words
    assert found.tops[1:] == [None, None]


def test_parameters_that_are_shared() -> None:
    """Count once."""
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 } } }'
    for name in "ab":
        text += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" '
            'param { name: "w" } inner_product_param { num_output: 3 } }'
        )
    found = sizes_of(list(parse_text(text, caffe_pb2.NetParameter, "test").layer), {})
    assert (found.parameters, found.counts, found.blobs) == (24, [0, 21, 21], 24)
