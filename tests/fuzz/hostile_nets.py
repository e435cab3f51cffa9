"""Nets of one layer that makes little sense: any shapes in, any settings of its type."""

from __future__ import annotations

from random import Random
from typing import Any

from google.protobuf import text_format

from caffe_mnist.engine.fillers import fillers
from caffe_mnist.engine.layer import layers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.values import INTEGERS, is_repeated, kind_of

Shape = tuple[int, ...]

USUAL: Shape = (2, 3, 4, 5)
SHAPES: tuple[Shape, ...] = (
    USUAL, (2, 3, 4, 4), (2, 4), (2, 3, 4), (5,), (2,), (1,), (), (0,), (0, 3, 4, 4), (2, 0, 4, 4),
    (2, 3, 0, 4), (2, 0), (1, 1, 1, 1, 2), (1,) * 12, (2,) * 33, (2, -1, 4, 4), (2**31 - 1, 2),
    (65536, 65536), (2**40,),
)  # fmt: skip
NUMBERS = (0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
WILD_NUMBERS = (0, 1, 2, -1, -2, 7, 100, 2**16, 2**31 - 1, 2**31, 2**32 - 1, -(2**31))
DECIMALS = (0, 1, 1, 0.5, 2, -1, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"))
TEXTS = ("", "x", "in0", "out0", "/", "\0")
FILLERS = (*sorted(fillers), "x")
# These read files, or want a class.
APART = ("Data", "HDF5Data", "HDF5Output", "ImageData", "Python", "WindowData")
TYPES = sorted(set(layers) - set(APART))

# What makes sense, where the defaults do not: the bottoms' shapes, and settings.
SENSE: dict[str, tuple[tuple[Shape, ...], str]] = {
    "Accuracy": (((4, 3), (4,)), ""),
    "BatchReindex": ((USUAL, (3,)), ""),
    "Clip": ((USUAL,), "clip_param { min: 0 max: 1 }"),
    "ContrastiveLoss": (((4, 3), (4, 3), (4,)), ""),
    "Convolution": ((USUAL,), "convolution_param { num_output: 3 kernel_size: 2 }"),
    "Crop": ((USUAL, (2, 3, 2, 2)), ""),
    "Deconvolution": ((USUAL,), "convolution_param { num_output: 3 kernel_size: 2 }"),
    "DummyData": ((), "dummy_data_param { shape { dim: 2 dim: 3 } }"),
    "Embed": (((4,),), "embed_param { num_output: 2 input_dim: 3 }"),
    "Filter": ((USUAL, (2,)), ""),
    "HingeLoss": (((4, 3), (4,)), ""),
    "Im2col": ((USUAL,), "convolution_param { kernel_size: 2 }"),
    "InfogainLoss": (((4, 3), (4,), (1, 1, 3, 3)), ""),
    "InnerProduct": ((USUAL,), "inner_product_param { num_output: 2 }"),
    "LSTM": (((3, 2, 4), (3, 2)), "recurrent_param { num_output: 2 }"),
    "LSTMUnit": (((1, 2, 3), (1, 2, 12), (1, 2)), ""),
    "MemoryData": ((), "memory_data_param { batch_size: 2 channels: 1 height: 2 width: 2 }"),
    "MultinomialLogisticLoss": (((4, 3), (4,)), ""),
    "Parameter": ((), "parameter_param { shape { dim: 2 } }"),
    "Pooling": ((USUAL,), "pooling_param { kernel_size: 2 }"),
    "RNN": (((3, 2, 4), (3, 2)), "recurrent_param { num_output: 2 }"),
    "SPP": ((USUAL,), "spp_param { pyramid_height: 2 }"),
    "Scale": ((USUAL,), "scale_param { bias_term: true }"),
    "SoftmaxWithLoss": ((USUAL, (2, 4, 5)), "softmax_param { axis: 1 } loss_param { }"),
    "Tile": ((USUAL,), "tile_param { tiles: 2 }"),
}


def hostile_net(random: Random, type: str) -> str:
    """A net with a layer of `type`, as text."""
    net = caffe_pb2.NetParameter(force_backward=random.random() < 0.2)
    shapes, settings = SENSE.get(type, (None, ""))
    if shapes is None or random.random() < 0.1:
        shapes = (USUAL,) * _number(random, layers.get(type).bottoms)
    for index, shape in enumerate(shapes):
        below = net.layer.add(name=f"in{index}", type="Input", top=[f"in{index}"])
        dims = random.choice(SHAPES) if random.random() < 0.2 else shape
        below.input_param.shape.add(dim=dims)
    layer = net.layer.add()
    text_format.Parse(settings, layer)
    layer.name, layer.type = "layer", type
    layer.bottom.extend(f"in{index}" for index in range(len(shapes)))
    layer.top.extend(f"out{index}" for index in range(_number(random, layers.get(type).tops)))
    _give_settings(layer, type)
    rate = random.choice((0.0, 0.1, 0.1, 0.3, 0.6))
    for declared, value in layer.ListFields():
        if declared.name.endswith("_param"):
            _spoil(random, value, rate)
    if random.random() < 0.1:
        layer.loss_weight.append(random.choice(DECIMALS))
    if random.random() < 0.1:
        layer.param.add(lr_mult=random.choice(DECIMALS), name=random.choice(TEXTS))
    return str(text_format.MessageToString(net))


def _number(random: Random, bounds: tuple[int, int | None]) -> int:
    """How many bottoms or tops; seldom another number than the layer takes."""
    least, most = bounds
    if random.random() < 0.05:
        return random.randint(0, 4)
    return random.randint(least, least + 2 if most is None else most)


def _give_settings(layer: Any, type: str) -> None:
    """Let the layer have the message of its own name, and a loss its own."""
    names = [type.lower() + "param", "lossparam" if type.endswith("Loss") else ""]
    for declared in layer.DESCRIPTOR.fields:
        if declared.name.replace("_", "") in names:
            getattr(layer, declared.name).SetInParent()


def _spoil(random: Random, message: Any, rate: float) -> None:
    """Give each field of a message another value, with this probability."""
    for declared in message.DESCRIPTOR.fields:
        given = message.ListFields()
        if kind_of(declared) == "message" and not is_repeated(declared):
            if random.random() < rate or any(field.name == declared.name for field, _ in given):
                getattr(message, declared.name).SetInParent()
                _spoil(random, getattr(message, declared.name), rate)
        elif random.random() < rate:
            message.ClearField(declared.name)
            for _ in range(random.choice((0, 1, 1, 2, 3)) if is_repeated(declared) else 1):
                _set(random, message, declared, rate)


def _set(random: Random, message: Any, declared: Any, rate: float) -> None:
    if kind_of(declared) == "message":
        _spoil(random, getattr(message, declared.name).add(), max(rate, 0.5))
    elif is_repeated(declared):
        getattr(message, declared.name).append(_value(random, declared))
    else:
        setattr(message, declared.name, _value(random, declared))


def _value(random: Random, declared: Any) -> Any:
    kind = kind_of(declared)
    if kind == "enum":
        return random.choice(declared.enum_type.values).number
    if kind == "bool":
        return random.random() < 0.5
    if kind in INTEGERS:
        least, most = INTEGERS[kind]
        numbers = WILD_NUMBERS if random.random() < 0.2 else NUMBERS
        return min(max(random.choice(numbers), least), most)
    if kind == "string":
        filler = declared.containing_type.name == "FillerParameter"
        return random.choice(FILLERS if filler else TEXTS)
    return random.choice(DECIMALS)
