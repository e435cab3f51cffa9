"""The net to export, in its TEST phase, with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.picture_input import PictureInput
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.deploy import DROPPED, SOURCES, deploy_net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.upgrade import upgrade_net


def read_model(
    path: Path, weights: Path, shape: Sequence[int] | None = None
) -> tuple[Net, PictureInput | CaffeMnistError]:
    """The net of a prototxt with its weights, and what its input of pictures takes.

    Where there is none, or its mean image is missing, that is answered instead.

    A train_val net becomes its deploy net first: data of `shape` come in, losses and measures go.
    Raises CaffeMnistError for what does not fit.
    """
    param = _deploy(read_text(path, caffe_pb2.NetParameter), path, shape)
    try:
        pictures: PictureInput | CaffeMnistError = PictureInput(param, path)
    except CaffeMnistError as error:
        pictures = error
    net = Net(_unfilled(param), Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))
    untrained = load_weights(net, weights)
    if untrained:
        names = ", ".join(untrained)
        raise CaffeMnistError(f"holds no weights for {names} of {path}", where=weights)
    return net, pictures


def _unfilled(param: caffe_pb2.NetParameter) -> caffe_pb2.NetParameter:
    """The net without fillers: all its values come from a file, and drawing them takes long."""
    result = upgrade_net(param)
    for layer in result.layer:
        for field, settings in layer.ListFields():
            if field.message_type is None or not field.name.endswith("_param"):
                continue
            for name in ("weight_filler", "bias_filler", "filler"):
                if name in field.message_type.fields_by_name:
                    settings.ClearField(name)
    return result


def _deploy(
    param: caffe_pb2.NetParameter, path: Path, shape: Sequence[int] | None
) -> caffe_pb2.NetParameter:
    """The net itself, or made from a net that trains; with `shape`, inputs of pictures of it."""
    tested = caffe_pb2.NetParameter()
    tested.CopyFrom(upgrade_net(param, path))
    tested.state.CopyFrom(param.state)
    tested.state.phase = caffe_pb2.TEST
    layers = filter_net(tested).layer
    trains = {one.type for one in layers} & ((SOURCES | DROPPED) - {"Input", "Silence"})
    constant = all(
        filler.type == "constant"
        for one in layers
        if one.type == "DummyData"
        for filler in one.dummy_data_param.data_filler
    )
    if trains <= {"DummyData"} and constant and any(one.type == "Input" for one in layers):
        return _reshaped(tested, shape)
    known = shape or next((found for one in layers if (found := _shape(one))), None)
    if known is None:
        raise CaffeMnistError(
            "says nothing of the size of its pictures",
            where=path,
            hint="take the deploy net, or say --shape 1x3x224x224",
        )
    made = deploy_net(param, known, path)
    assert isinstance(made, caffe_pb2.NetParameter)
    return made


def _reshaped(param: caffe_pb2.NetParameter, shape: Sequence[int] | None) -> caffe_pb2.NetParameter:
    if shape is not None:
        first = next(one for one in param.layer if one.type == "Input")
        del first.input_param.shape[1:]
        if not first.input_param.shape:
            first.input_param.shape.add()
        del first.input_param.shape[0].dim[:]
        first.input_param.shape[0].dim.extend(shape)
    return param


def _shape(layer: caffe_pb2.LayerParameter) -> Sequence[int] | None:
    """The shape of a layer's first top, where its settings tell."""
    if layer.type == "Input":
        return list(layer.input_param.shape[0].dim) if layer.input_param.shape else None
    if layer.type == "DummyData":
        param = layer.dummy_data_param
        if param.shape:
            return list(param.shape[0].dim)
        return [param.num[0], param.channels[0], param.height[0], param.width[0]]
    if layer.type == "MemoryData":
        memory = layer.memory_data_param
        return [memory.batch_size, memory.channels, memory.height, memory.width]
    return None
