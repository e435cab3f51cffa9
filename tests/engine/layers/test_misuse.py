"""What real Caffe's checks refuse is one clear line here, naming the layer."""

from __future__ import annotations

import pytest

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

Shapes = tuple[tuple[int, ...], ...]

WHOLE = ((2, 3, 4, 5),)
MISUSES: list[tuple[str, str, Shapes, str]] = [
    ("Clip", "", WHOLE, "needs clip_param.min and clip_param.max"),
    ("Exp", "exp_param { base: -2 }", WHOLE, "needs a positive base, or -1 for e, found -2"),
    ("Exp", "exp_param { base: 0 }", WHOLE, "needs a positive base"),
    ("Log", "log_param { base: 1 }", WHOLE, "cannot take logarithms to base 1"),
    ("PReLU", "", ((4,),), "needs a bottom of at least 2 axes, found 1"),
    ("PReLU", "", WHOLE * 2, "takes at most 1 bottom blob(s), found 2"),
    ("Scale", "scale_param { axis: 3 num_axes: 2 }", WHOLE, "cannot span 2 axes from axis 3 on"),
    ("Scale", "scale_param { num_axes: -2 }", WHOLE, "num_axes -2 is not -1 (all) or more"),
    ("Scale", "scale_param { axis: 4 }", WHOLE, "axis 4 is out of range for 4 axes"),
    ("Scale", "", (*WHOLE, (4,)), "cannot spread shape (4,) from axis 1 on"),
    ("Scale", "scale_param { axis: 2 }", (*WHOLE, (4, 5, 1)), "cannot spread shape (4, 5, 1)"),
    ("Bias", "bias_param { num_axes: 4 }", WHOLE, "the bottom has 4 axes"),
    ("Bias", "", (*WHOLE, (4,)), "cannot spread shape (4,) from axis 1 on"),
    ("BatchNorm", "param { lr_mult: 1 }", WHOLE, "cannot learn its statistics"),
    ("BatchNorm", "param { lr_mult: 0 } " * 4, WHOLE, "but param is given 4 times"),
    ("BatchNorm", "", ((4,),), "needs a bottom of at least 2 axes, found 1"),
    ("BatchNorm", "", ((0, 3),), "has no statistics of an empty batch"),
    ("MVN", "", ((1, 2, 3, 4, 5),), "takes a bottom of at most 4 axes, found 5"),
    ("ArgMax", "argmax_param { top_k: 0 }", WHOLE, "top_k 0 is not in 1 to 60"),
    ("ArgMax", "argmax_param { axis: 1 top_k: 4 }", WHOLE, "top_k 4 is not in 1 to 3"),
    ("ArgMax", "", ((),), "needs a bottom with axes"),
    ("BatchReindex", "", (*WHOLE, (2, 1)), "needs indices with one axis"),
    ("Crop", "crop_param { axis: 4 }", WHOLE * 2, "axis 4 is out of range for 4 axes"),
    ("Crop", "crop_param { offset: 1 offset: 1 offset: 1 }", WHOLE * 2, "gives offset 3 times"),
    ("Crop", "crop_param { offset: 2 }", (*WHOLE, (1, 1, 3, 3)), "axis 2 of size 4 to 3 at offset"),
    ("Crop", "", (*WHOLE, (1, 1, 2)), "needs a second bottom of 4 axes, found 3"),
    ("Embed", "embed_param { input_dim: 3 }", ((2,),), "needs a positive num_output"),
    ("Filter", "", (*WHOLE, (2, 3)), "needs marks of shape N or N × 1"),
    ("Filter", "", (*WHOLE, (3,)), "has marks for 3 pictures"),
    ("Filter", "", (*WHOLE, (2,), (2,)), "needs 2 top(s) for 3 bottoms"),
    ("Flatten", "flatten_param { axis: 2 end_axis: 0 }", WHOLE, "end_axis 0 lies before axis 2"),
    ("Reduction", "reduction_param { axis: 4 }", WHOLE, "axis 4 is out of range for 4 axes"),
    ("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }", WHOLE, "only one -1 may be given"),
    ("Reshape", "reshape_param { shape { dim: 7 } }", WHOLE, "cannot turn shape (2, 3, 4, 5)"),
    ("Reshape", "reshape_param { shape { dim: 7 dim: -1 } }", WHOLE, "cannot divide 120 values"),
    ("Reshape", "reshape_param { axis: 4 shape { dim: 0 } }", WHOLE, "cannot copy axis 4"),
    ("Reshape", "reshape_param { axis: -6 }", WHOLE, "axis -6 is out of range for 4 axes"),
    ("Reshape", "reshape_param { num_axes: 5 }", WHOLE, "num_axes 5 from axis 0 on"),
    ("Slice", "slice_param { axis: 1 slice_dim: 1 }", WHOLE, "gives both axis and slice_dim"),
    ("Slice", "slice_param { slice_point: 1 }", WHOLE, "needs 0 slice_point for 1 tops"),
    ("Slice", 'top: "more" slice_param { slice_point: 3 }', WHOLE, "must grow between 0 and 3"),
    ("Slice", 'top: "more"', WHOLE, "cannot cut axis 1 of size 3 into 2 parts"),
    ("Tile", "", WHOLE, "needs a positive tile_param.tiles"),
    ("Im2col", "convolution_param { kernel_size: 6 }", WHOLE, "kernel 6 is larger than"),
    ("Im2col", "convolution_param { kernel_size: 1 axis: 3 }", WHOLE, "needs axes after axis 3"),
    ("Silence", "", WHOLE, "takes at most 0 top blob(s), found 1"),
    ("LSTM", "recurrent_param { num_output: 1 }", ((2, 0, 3), (2, 0)), "a step and a sequence"),
]


@pytest.mark.parametrize(("type", "settings", "shapes", "line"), MISUSES)
def test_misuse_is_one_line(type: str, settings: str, shapes: Shapes, line: str) -> None:
    """The error names the layer and its type, and says what was found."""
    with pytest.raises(CaffeMnistError) as error:
        _net(type, settings, shapes)
    assert str(error.value).startswith(f"layer 'layer' ({type}): ")
    assert line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("type", ["AbsVal", "Flatten", "Reshape", "Slice", "Tile", "Crop"])
def test_no_work_in_place(type: str) -> None:
    """Layers that need their bottom unchanged refuse a top of its name."""
    with pytest.raises(CaffeMnistError, match="cannot work in place"):
        _net(type, "", WHOLE if type != "Crop" else WHOLE * 2, top="in0")


@pytest.mark.parametrize("type", ["ArgMax", "Threshold"])
def test_no_gradient(type: str) -> None:
    """Layers without a gradient say so when they are asked for one."""
    net = _net(type, "", WHOLE, force="force_backward: true")
    net.forward()
    with pytest.raises(CaffeMnistError, match=f"layer 'layer' \\({type}\\): has no gradient"):
        net.backward()


def _net(type: str, settings: str, shapes: Shapes, top: str = "out", force: str = "") -> Net:
    text = force
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {size}" for size in shape)
        text += f' layer {{ name: "in{index}" type: "Input" top: "in{index}"'
        text += f" input_param {{ shape {{ {dims} }} }} }}"
    bottoms = " ".join(f'bottom: "in{index}"' for index in range(len(shapes)))
    text += f' layer {{ name: "layer" type: "{type}" {bottoms} top: "{top}" {settings} }}'
    return Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings())
