"""V0 layers (`layers { layer { type: "conv" kernelsize: 5 … } bottom: … }`) as V1 ones."""

from __future__ import annotations

from typing import Any, Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.upgrade_v1 import copy_field
from caffe_mnist.schema.values import is_repeated

# V0's types and those of V1LayerParameter.LayerType.
TYPES = {
    "accuracy": "ACCURACY",
    "bnll": "BNLL",
    "concat": "CONCAT",
    "conv": "CONVOLUTION",
    "data": "DATA",
    "dropout": "DROPOUT",
    "euclidean_loss": "EUCLIDEAN_LOSS",
    "flatten": "FLATTEN",
    "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT",
    "im2col": "IM2COL",
    "images": "IMAGE_DATA",
    "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING",
    "relu": "RELU",
    "sigmoid": "SIGMOID",
    "softmax": "SOFTMAX",
    "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT",
    "tanh": "TANH",
    "window_data": "WINDOW_DATA",
}
# Where a type's settings are in V1.
PARAMS = {
    "concat": "concat_param",
    "conv": "convolution_param",
    "data": "data_param",
    "dropout": "dropout_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "infogain_loss": "infogain_loss_param",
    "innerproduct": "inner_product_param",
    "lrn": "lrn_param",
    "pool": "pooling_param",
    "window_data": "window_data_param",
}
# A setting's name in V1, and the types that have it.
WEIGHTED = ("conv", "innerproduct")
WINDOWED = ("conv", "pool")
FED = ("data", "hdf5_data", "images", "window_data")
SETTINGS = {
    "num_output": ("num_output", WEIGHTED),
    "biasterm": ("bias_term", WEIGHTED),
    "weight_filler": ("weight_filler", WEIGHTED),
    "bias_filler": ("bias_filler", WEIGHTED),
    "pad": ("pad", WINDOWED),
    "kernelsize": ("kernel_size", WINDOWED),
    "group": ("group", ("conv",)),
    "stride": ("stride", WINDOWED),
    "pool": ("pool", ("pool",)),
    "dropout_ratio": ("dropout_ratio", ("dropout",)),
    "local_size": ("local_size", ("lrn",)),
    "alpha": ("alpha", ("lrn",)),
    "beta": ("beta", ("lrn",)),
    "k": ("k", ("lrn",)),
    "source": ("source", (*FED, "infogain_loss")),
    "batchsize": ("batch_size", FED),
    "rand_skip": ("rand_skip", ("data", "images")),
    "shuffle_images": ("shuffle", ("images",)),
    "new_height": ("new_height", ("images",)),
    "new_width": ("new_width", ("images",)),
    "concat_dim": ("concat_dim", ("concat",)),
    "det_fg_threshold": ("fg_threshold", ("window_data",)),
    "det_bg_threshold": ("bg_threshold", ("window_data",)),
    "det_fg_fraction": ("fg_fraction", ("window_data",)),
    "det_context_pad": ("context_pad", ("window_data",)),
    "det_crop_mode": ("crop_mode", ("window_data",)),
}
# Settings of transform_param, whatever the type.
TRANSFORMS = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size",
              "mirror": "mirror"}  # fmt: skip
# Fields of the same name and type in both.
ALIKE = ("name", "blobs", "blobs_lr", "weight_decay")
# Of the net itself, nothing else was there in those days, and nothing else is kept by Caffe.
OF_THE_NET = ("name", "input", "input_dim", "force_backward")


def upgraded(net: Any, where: object, report: Callable[[str], None]) -> Any:
    """`net` with V1 layers; padding layers become the `pad` of the layer above them.

    Settings that a type does not have go to `report`, as they do nothing.
    """
    result = type(net)()
    for declared, value in net.ListFields():
        if declared.name in OF_THE_NET:
            copy_field(result, declared, value)
    for old in _without_padding(net, where):
        _upgrade_layer(old, result.layers.add(), where, report)
    return result


def _without_padding(net: Any, where: object) -> list[Any]:
    """Copies of the layers but the padding layers, whose padding goes to their readers."""
    kept: list[Any] = []
    sources: dict[str, Any] = dict.fromkeys(net.input)
    for old in net.layers:
        name, kind = old.layer.name, old.layer.type
        copy = type(old)()
        copy.CopyFrom(old)
        for index, bottom in enumerate(old.bottom):
            place = f"{where}: layer {name!r}"
            if bottom not in sources:
                raise CaffeMnistError(f"there is no blob {bottom!r} below it", where=place)
            source = sources[bottom]
            if source is None or source.layer.type != "padding":
                continue
            lone = len(old.bottom) == len(source.bottom) == len(source.top) == 1
            if kind not in WINDOWED or not lone:
                raise CaffeMnistError(
                    f"a padding layer ({source.layer.name!r}) may only stand below one layer of "
                    f"type conv or pool, here is {kind or 'none'!r}",
                    where=place,
                )
            copy.layer.pad = source.layer.pad
            copy.bottom[index] = source.bottom[0]
        sources.update(dict.fromkeys(old.top, old))
        if kind != "padding":
            kept.append(copy)
    return kept


def _upgrade_layer(old: Any, new: Any, where: object, report: Callable[[str], None]) -> None:
    new.bottom.extend(old.bottom)
    new.top.extend(old.top)
    layer = old.layer
    place = f"layer {layer.name!r}"
    if not old.HasField("layer"):
        report(f"{place}: is no V0 layer among V0 layers; only its blobs' names are kept")
        return
    kind = layer.type
    if layer.HasField("type"):
        if kind not in TYPES:
            known = ", ".join([*TYPES, "padding"])
            raise CaffeMnistError(
                f"there was no V0 layer type {kind!r}", where=f"{where}: {place}", hint=known
            )
        enum = new.DESCRIPTOR.fields_by_name["type"].enum_type
        new.type = enum.values_by_name[TYPES[kind]].number
    for declared, value in layer.ListFields():
        name = declared.name
        if name in ALIKE:
            copy_field(new, declared, value)
        elif name in TRANSFORMS:
            setattr(new.transform_param, TRANSFORMS[name], value)
        elif name in SETTINGS and kind in SETTINGS[name][1]:
            _set(getattr(new, PARAMS[kind]), SETTINGS[name][0], value)
        elif name == "hdf5_output_param" and kind == "hdf5_output":
            new.hdf5_output_param.CopyFrom(value)
        elif name in SETTINGS or name == "hdf5_output_param":
            report(f"{place}: {name} means nothing to a layer of type {kind}")


def _set(param: Any, name: str, value: Any) -> None:
    declared = param.DESCRIPTOR.fields_by_name[name]
    if is_repeated(declared):
        getattr(param, name).append(value)
    else:
        copy_field(param, declared, value)
