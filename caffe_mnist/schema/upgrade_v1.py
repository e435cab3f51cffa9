"""V1 layers (`layers { type: RELU blobs_lr: 1 … }`) as today's."""

from __future__ import annotations

from typing import Any, Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.values import is_repeated, kind_of

# V1LayerParameter.LayerType's names and today's types.
TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}
# Lists of one value a parameter, and where each value goes in today's `param`.
OF_PARAMETERS = {
    "param": "name",
    "blob_share_mode": "share_mode",
    "blobs_lr": "lr_mult",
    "weight_decay": "decay_mult",
}
# Which settings of a data layer are its transform_param's.
TRANSFORMS = ("scale", "mean_file", "crop_size", "mirror")
PICTURES = {"DATA": "data_param", "IMAGE_DATA": "image_data_param",
            "WINDOW_DATA": "window_data_param"}  # fmt: skip


def upgraded(net: Any, where: object, report: Callable[[str], None]) -> Any:
    """A copy of `net` with its `layers` as `layer`; raises CaffeMnistError if it has both."""
    if net.layer:
        raise CaffeMnistError(
            f"has {len(net.layers)} old layers {{ … }} and {len(net.layer)} layer {{ … }}",
            where=where,
            hint='write all of them as layer { type: "…" }',
        )
    result = type(net)()
    for declared, value in net.ListFields():
        if declared.name != "layers":
            copy_field(result, declared, value)
    for old in net.layers:
        if old.HasField("layer"):
            report(f"layer {old.name!r}: what is in its V0 layer is ignored")
        _upgrade_layer(old, result.layer.add())
    return result


def type_name(layer: Any) -> str:
    """The name of a V1 layer's type in the schema."""
    return str(layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[layer.type].name)


def has_old_transform(layer: Any) -> bool:
    """Whether a V1 data layer has settings that belong to transform_param."""
    param = PICTURES.get(type_name(layer))
    if param is None:
        return False
    return any(getattr(layer, param).HasField(name) for name in TRANSFORMS)


def move_transforms(layers: Any) -> None:
    """Move the settings of pictures of all data layers to their transform_param, in place."""
    for layer in layers:
        name = PICTURES.get(type_name(layer))
        if name is None:
            continue
        param = getattr(layer, name)
        param.SetInParent()
        layer.transform_param.SetInParent()
        for setting in TRANSFORMS:
            if param.HasField(setting):
                setattr(layer.transform_param, setting, getattr(param, setting))
                param.ClearField(setting)


def copy_field(target: Any, declared: Any, value: Any) -> None:
    """Give `target` the `value` that another message has in the field of this name."""
    if is_repeated(declared):
        getattr(target, declared.name).extend(value)
    elif kind_of(declared) == "message":
        getattr(target, declared.name).CopyFrom(value)
    else:
        setattr(target, declared.name, value)


def _upgrade_layer(old: Any, new: Any) -> None:
    for declared, value in old.ListFields():
        if declared.name in OF_PARAMETERS:
            while len(new.param) < len(value):
                new.param.add()
            for param, one in zip(new.param, value):
                setattr(param, OF_PARAMETERS[declared.name], one)
        elif declared.name == "type":
            new.type = TYPES[type_name(old)]
        elif declared.name != "layer":
            copy_field(new, declared, value)
