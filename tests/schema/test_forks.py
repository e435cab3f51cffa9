"""Fields of forks: read, kept, written, and told apart where forks use one name or number."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.source import prototxt
from caffe_mnist.schema import caffe_pb2, forks
from caffe_mnist.schema.fork_text import to_text
from caffe_mnist.schema.messages import parse_text, read_binary, read_text, write_binary, write_text
from caffe_mnist.schema.packed import read_packed

NET = """name: "forks"
layer { name: "p" type: "Permute" permute_param { order: [0, 2, 3 , 1] } }
layer { name: "i" type: "Interp" interp_param { zoom_factor: 2 }; include { phase: TEST } }
layer { name: "s" type: "BN" bn_param { bn_mode: INFERENCE scale_filler { value: 1 } } }
layer { name: "b" type: "BN" bn_param { slope_filler { value: 1 } frozen: true } }
layer { name: "u" type: "Upsample" upsample_param { scale_h: 3 scale_w: 3 } }
layer { name: "r" type: "ROIPooling" roi_pooling_param { pooled_h: 7 pooled_w: 7 } }
layer {
  name: "d"
  type: "DetectionOutput"
  detection_output_param { num_classes: 21 code_type: CENTER_SIZE nms_param { top_k: 400 } }
}
layer { name: "l" type: "SoftmaxWithLoss" loss_param { ignore_label: 1 class_weighting: 0.5 } }
"""


def parsed() -> caffe_pb2.NetParameter:
    """The net above."""
    return parse_text(NET, caffe_pb2.NetParameter, "net")


def check(net: caffe_pb2.NetParameter) -> None:
    """All settings are there, each for the layer that it was given to."""
    layers = {layer.name: layer for layer in net.layer}
    assert forks.settings(layers["p"], "ssd").permute_param.order == [0, 2, 3, 1]
    assert forks.settings(layers["i"], "pspnet").interp_param.zoom_factor == 2
    assert forks.settings(layers["s"], "segnet").bn_param.bn_mode == 1
    assert not forks.settings(layers["s"], "pspnet").HasField("bn_param")
    assert forks.settings(layers["b"], "pspnet").bn_param.frozen
    assert not forks.settings(layers["b"], "segnet").HasField("bn_param")
    assert forks.settings(layers["u"], "segnet").upsample_param.scale_w == 3
    assert forks.settings(layers["r"], "rcnn").roi_pooling_param.pooled_h == 7
    found = forks.settings(layers["d"], "ssd").detection_output_param
    assert (found.num_classes, found.code_type, found.nms_param.top_k) == (21, 2, 400)
    assert list(forks.settings(layers["l"].loss_param, "segnet").class_weighting) == [0.5]
    assert layers["l"].loss_param.ignore_label == 1
    assert layers["i"].include[0].phase == caffe_pb2.TEST


def test_settings_are_kept(tmp_path: Path) -> None:
    """Parsed, copied, in binary and as text again."""
    net = parsed()
    check(net)
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(net)
    check(copy)
    write_binary(tmp_path / "net.caffemodel", net)
    check(read_binary(tmp_path / "net.caffemodel", caffe_pb2.NetParameter))
    check(read_packed(tmp_path / "net.caffemodel", "NetParameter"))
    write_text(tmp_path / "net.prototxt", net)
    check(read_text(tmp_path / "net.prototxt", caffe_pb2.NetParameter))
    assert "input_param" not in to_text(net)


def test_rewriting_knows_them(tmp_path: Path) -> None:
    """`template` leaves them to the letter."""
    source = prototxt(tmp_path / "net.prototxt", NET, caffe_pb2.NetParameter.DESCRIPTOR)
    assert source.text == NET


@pytest.mark.parametrize(
    ("kind", "fork", "field", "number", "payload"),
    [
        ("Upsample", "segnet", "upsample_param", 137, b"\x10\x03\x18\x02"),
        ("Interp", "pspnet", "interp_param", 143, b"\x08\x05\x10\x06"),
        ("BN", "pspnet", "bn_param", 137, b"\x28\x01"),
        ("BN", "segnet", "bn_param", 45, b"\x18\x01"),
        ("Permute", "ssd", "permute_param", 202, b"\x08\x00\x08\x02"),
    ],
)
def test_binary_of_a_fork(kind: str, fork: str, field: str, number: int, payload: bytes) -> None:
    """Under the fork's own number, also where Caffe 1.0 has another field there."""
    tag = number << 3 | 2
    head = bytes([tag & 127 | 128, tag >> 7]) if tag < 2**14 else b""
    layer = caffe_pb2.LayerParameter(type=kind).SerializeToString()
    content = layer + head + bytes([len(payload)]) + payload
    found = forks.settings(caffe_pb2.LayerParameter.FromString(content), fork)
    assert found.HasField(field)
    assert len(getattr(found, field).ListFields()) == len(set(payload[::2]))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "layer { permute_param { ordr: 1 } }",
            r"net:1:25: .*no field 'ordr' \(did you mean order",
        ),
        ('layer { permute_param { order: 1 }\n nme: "x" }', "net:2:2: .*nme"),
        ("layer { bn_param { nothing: 1 } }", "net:1:20: .*no field 'nothing'"),
        ("permute_param { order: 1 }", "net:1:1: .*no field named"),
        ("layer { permute_param { order: -1 } }", "order cannot hold -1"),
    ],
)
def test_faults(text: str, what: str) -> None:
    """File, line and column, as for Caffe's own fields."""
    with pytest.raises(CaffeMnistError, match=what):
        parse_text(text, caffe_pb2.NetParameter, "net")


def test_solver_of_ssd() -> None:
    """Its own settings are known."""
    text = 'base_lr: 0.5 plateau_winsize: [3, 4] eval_type: "detection" plateau_winsize: 5'
    solver = parse_text(text, caffe_pb2.SolverParameter, "solver")
    assert solver.base_lr == 0.5
    assert not solver.weights
    found = forks.settings(solver, "ssd")
    assert (list(found.plateau_winsize), found.eval_type) == ([3, 4, 5], "detection")
