"""What a box says of a layer beside its name and type, and its colour."""

from __future__ import annotations

from typing import Any, Callable

from caffe_mnist.schema import caffe_pb2

COLOURS = {
    "#cfe8cf": "Data DummyData HDF5Data ImageData Input MemoryData WindowData Parameter",
    "#f6c9c4": "Convolution Deconvolution Im2col Crop",
    "#fbe0b5": "Pooling SPP LRN MVN",
    "#d8cdf0": "InnerProduct Embed LSTM RNN LSTMUnit",
    "#cfd8e6": "Accuracy ArgMax ContrastiveLoss EuclideanLoss HingeLoss InfogainLoss HDF5Output "
    "MultinomialLogisticLoss SigmoidCrossEntropyLoss Silence SoftmaxWithLoss",
    "#c9e6ea": "Concat Eltwise Slice Split Filter BatchReindex Flatten Reshape Tile",
}
OTHERS = "#ececec"
LONGEST = 34


def colour_of(kind: str) -> str:
    """The fill of a layer's box."""
    return next((colour for colour, kinds in COLOURS.items() if kind in kinds.split()), OTHERS)


def settings_of(layer: caffe_pb2.LayerParameter) -> list[str]:
    """The settings that a reader of the graph wants to see, a line each."""
    say: dict[str, Callable[[Any], list[str]]] = {
        "Convolution": _convolution,
        "Deconvolution": _convolution,
        "Im2col": _convolution,
        "Pooling": _pooling,
        "InnerProduct": lambda one: [f"{one.inner_product_param.num_output} outputs"],
        "Embed": lambda one: [f"{one.embed_param.input_dim} to {one.embed_param.num_output}"],
        "LSTM": lambda one: [f"{one.recurrent_param.num_output} outputs"],
        "RNN": lambda one: [f"{one.recurrent_param.num_output} outputs"],
        "LRN": lambda one: [f"size {one.lrn_param.local_size}"],
        "Dropout": lambda one: [f"ratio {one.dropout_param.dropout_ratio:.3g}"],
        "Eltwise": lambda one: [_enum(one.eltwise_param, "operation")],
        "Concat": lambda one: [f"axis {one.concat_param.axis}"],
        "Reduction": lambda one: [_enum(one.reduction_param, "operation")],
        "Data": lambda one: [_fed(one.data_param)],
        "ImageData": lambda one: [_fed(one.image_data_param)],
        "HDF5Data": lambda one: [_fed(one.hdf5_data_param)],
        "WindowData": lambda one: [_fed(one.window_data_param)],
        "Python": lambda one: [f"{one.python_param.module}.{one.python_param.layer}"],
    }
    lines = say[layer.type](layer) if layer.type in say else []
    phases = [
        caffe_pb2.NetState(phase=rule.phase) for rule in layer.include if rule.HasField("phase")
    ]
    lines += [f"only in {_enum(state, 'phase')}" for state in phases]
    return [line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…" for line in lines if line]


def _convolution(layer: Any) -> list[str]:
    param = layer.convolution_param
    kernel = _sizes(param, "kernel_size", "kernel_h", "kernel_w", 0)
    words = [_times(kernel) if kernel else ""]
    for name, usual in (("stride", 1), ("pad", 0)):
        sizes = _sizes(param, name, f"{name}_h", f"{name}_w", usual)
        if any(size != usual for size in sizes):
            words.append(f"{name} {_times(sizes, always=False)}")
    if any(size != 1 for size in param.dilation):
        words.append(f"dilation {_times(list(param.dilation), always=False)}")
    lines = [", ".join(filter(None, words))]
    if param.num_output:
        group = f", {param.group} groups" if param.group != 1 else ""
        lines.append(f"{param.num_output} outputs{group}")
    return lines


def _pooling(layer: Any) -> list[str]:
    param = layer.pooling_param
    if param.global_pooling:
        return [f"{_enum(param, 'pool')}, global"]
    words = []
    for name, usual in (("kernel", 0), ("stride", 1), ("pad", 0)):
        one = "kernel_size" if name == "kernel" else name
        both = param.HasField(f"{name}_h") or param.HasField(f"{name}_w")
        high, wide = (getattr(param, f"{name}_{end}") if both else getattr(param, one)
                      for end in "hw")  # fmt: skip
        if name == "kernel":
            words.append(f"{_enum(param, 'pool')} {high}×{wide}")
        elif (high, wide) != (usual, usual):
            words.append(f"{name} {_times([high, wide], always=False)}")
    return [", ".join(words)]


def _sizes(param: Any, name: str, high: str, wide: str, usual: int) -> list[int]:
    """A setting for each axis: one for all, one for each, or _h and _w."""
    if param.HasField(high) or param.HasField(wide):
        return [getattr(param, high), getattr(param, wide)]
    values = list(getattr(param, name))
    if name == "kernel_size":
        return values * 2 if len(values) == 1 else values
    return values or [usual]


def _times(sizes: list[int], always: bool = True) -> str:
    """`5×5`, or without `always` just `5` where all are the same."""
    if not always and len(set(sizes)) == 1:
        return str(sizes[0])
    return "×".join(map(str, sizes))


def _fed(param: Any) -> str:
    source = param.source.rstrip("/").rpartition("/")[2]
    return f"{source}, batch of {param.batch_size}" if source else f"batch of {param.batch_size}"


def _enum(param: Any, name: str) -> str:
    values = param.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number
    return str(values[getattr(param, name)].name)
