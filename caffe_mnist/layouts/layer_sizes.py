"""What each layer type makes of the shapes of its bottoms, in plain numbers and at once.

The engine says the same by building the layers; this is for those who cannot wait for its library.
A rule takes the layer and its bottoms' shapes and gives the shapes of tops and of parameters. It
raises SizeError for what the layer does not take, and UnknownSizeError where it cannot tell. Only
what real Caffe refuses, too, is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Callable

from caffe_mnist.registry import Registry

Shape = tuple[int, ...]
# Shapes of tops, and of parameters.
Sizes = tuple[list[Shape], list[Shape]]
Rule = Callable[[Any, list[Shape]], Sizes]
rules: Registry[Rule] = Registry("layer with a rule for sizes")


class SizeError(Exception):
    """The layer does not take such bottoms."""


class UnknownSizeError(Exception):
    """The sizes depend on more than shapes."""


def _alike(layer: Any, bottoms: list[Shape]) -> Sizes:
    """Each top as its bottom."""
    return [bottoms[min(place, len(bottoms) - 1)] for place in range(len(layer.top))], []


for _type in (
    "AbsVal", "BNLL", "Clip", "Dropout", "ELU", "Exp", "Log", "LRN", "Power", "ReLU",
    "ReLU6", "Sigmoid", "Softmax", "Swish", "TanH", "Threshold", "Split",
):  # fmt: skip
    rules.add(_type, _alike)


@rules.register("MVN")
def _mvn(layer: Any, bottoms: list[Shape]) -> Sizes:
    """Its top always has four axes."""
    shape = bottoms[0]
    return [(*shape, *[1] * (4 - len(shape)))] * len(layer.top), []


@rules.register("Convolution")
@rules.register("Deconvolution")
def _convolution(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.convolution_param, bottoms[0]
    axis = _axis(param.axis, shape)
    count = len(shape) - axis - 1
    kernel = _each(param, "kernel_size", "kernel", count, None)
    stride, pad = (_each(param, *one, count, None) for one in (("stride",) * 2, ("pad",) * 2))
    dilation = _each(param, "dilation", "dilation", count, 1)
    stride, pad = stride or [1] * count, pad or [0] * count
    if kernel is None or dilation is None:
        raise SizeError("gives no kernel_size")
    outputs, channels, group = param.num_output, shape[axis], param.group
    if outputs < 1 or min([*kernel, *stride, *dilation], default=1) < 1:
        raise SizeError("num_output, kernel, stride and dilation must be positive")
    if group < 1 or channels % group or outputs % group:
        raise SizeError(f"group {group} must divide the {channels} input channels and num_output "
                        f"{outputs}")  # fmt: skip
    turned = layer.type == "Deconvolution"
    sizes = []
    for size, k, s, p, d in zip(shape[axis + 1 :], kernel, stride, pad, dilation):
        extent = d * (k - 1) + 1
        if turned:
            sizes.append(s * (size - 1) + extent - 2 * p)
        elif size + 2 * p - extent <= -s:  # Caffe's division rounds towards zero
            raise SizeError(f"kernel {extent} is larger than the padded input {size + 2 * p}")
        else:
            sizes.append(max(size + 2 * p - extent, 0) // s + 1)
    first, second = (channels, outputs) if turned else (outputs, channels)
    weights = [(first, second // group, *kernel)]
    return (
        [(*one[:axis], outputs, *sizes) for one in bottoms],
        weights + ([(outputs,)] if param.bias_term else []),
    )


@rules.register("Pooling")
def _pooling(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.pooling_param, bottoms[0]
    if len(shape) != 4:
        raise SizeError(f"needs a bottom of 4 axes, found {len(shape)}")
    if param.global_pooling:
        return [(*shape[:2], 1, 1)] * len(layer.top), []
    kernel, stride, pad = (
        [getattr(param, f"{each}_h"), getattr(param, f"{each}_w")]
        if param.HasField(f"{each}_h") or param.HasField(f"{each}_w")
        else [getattr(param, whole)] * 2
        for whole, each in (("kernel_size", "kernel"), ("stride", "stride"), ("pad", "pad"))
    )
    if min(*kernel, *stride) < 1:
        raise SizeError("needs a positive kernel and stride")
    if any(p >= k for p, k in zip(pad, kernel)):
        raise SizeError("pad must be smaller than the kernel")
    sizes = []
    for size, k, s, p in zip(shape[2:], kernel, stride, pad):
        room = size + 2 * p - k
        if room <= -s or (room < 0 and param.round_mode):
            raise SizeError(f"kernel {k} is larger than the padded input {size + 2 * p}")
        pooled = (room // s if param.round_mode else -(-room // s)) + 1
        dropping = any(pad) or param.pool == 2
        sizes.append(pooled - (dropping and (pooled - 1) * s >= size + p))
    return [(*shape[:2], *sizes)] * len(layer.top), []


@rules.register("InnerProduct")
def _inner_product(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.inner_product_param, bottoms[0]
    axis = _axis(param.axis, shape)
    inputs, outputs = prod(shape[axis:]), param.num_output
    if outputs < 1:
        raise SizeError("needs a positive num_output")
    weights = [(inputs, outputs) if param.transpose else (outputs, inputs)]
    return [(*shape[:axis], outputs)], weights + ([(outputs,)] if param.bias_term else [])


@rules.register("Embed")
def _embed(layer: Any, bottoms: list[Shape]) -> Sizes:
    param = layer.embed_param
    bias = [(param.num_output,)] if param.bias_term else []
    weights: list[Shape] = [(param.input_dim, param.num_output)]
    return [(*bottoms[0], param.num_output)], weights + bias


@rules.register("LSTM")
@rules.register("RNN")
def _recurrent(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.recurrent_param, bottoms[0]
    if param.expose_hidden:
        raise UnknownSizeError
    size = param.num_output
    width = 4 * size if layer.type == "LSTM" else size
    parameters: list[Shape] = [(width, prod(shape[2:])), (width,)]
    parameters += [(width, prod(one[1:])) for one in bottoms[2:]]
    parameters.append((width, size))
    if layer.type == "RNN":
        parameters += [(size, size), (size,)]
    return [(*shape[:2], size)], parameters


@rules.register("BatchNorm")
def _batch_norm(layer: Any, bottoms: list[Shape]) -> Sizes:
    channels = bottoms[0][1] if len(bottoms[0]) > 1 else 1
    return [bottoms[0]], [(channels,), (channels,), (1,)]


@rules.register("Scale")
@rules.register("Bias")
def _scale(layer: Any, bottoms: list[Shape]) -> Sizes:
    shape = bottoms[0]
    param = layer.scale_param if layer.type == "Scale" else layer.bias_param
    axes = len(bottoms[1]) if len(bottoms) > 1 else param.num_axes
    axis = _axis(param.axis, shape) if axes else 0
    if axes < -1 or axis + axes > len(shape):
        raise SizeError(f"spans {axes} axes from axis {axis} on, of {len(shape)}")
    spanned = shape[axis:] if axes == -1 else shape[axis : axis + axes]
    count = (len(bottoms) == 1) + (layer.type == "Scale" and param.bias_term)
    return [shape], [spanned] * count


@rules.register("PReLU")
def _prelu(layer: Any, bottoms: list[Shape]) -> Sizes:
    shared = layer.prelu_param.channel_shared or len(bottoms[0]) < 2
    return [bottoms[0]], [() if shared else (bottoms[0][1],)]


@rules.register("Concat")
def _concat(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, first = layer.concat_param, bottoms[0]
    axis = _axis(param.concat_dim if param.HasField("concat_dim") else param.axis, first)
    for shape in bottoms[1:]:
        same = len(shape) == len(first)
        if not same or (*shape[:axis], *shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
            raise SizeError(f"needs bottoms that differ along axis {axis} alone")
    return [(*first[:axis], sum(one[axis] for one in bottoms), *first[axis + 1 :])], []


@rules.register("Slice")
def _slice(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape, count = layer.slice_param, bottoms[0], len(layer.top)
    axis = _axis(param.slice_dim if param.HasField("slice_dim") else param.axis, shape)
    points = list(param.slice_point)
    if points and len(points) != count - 1:
        raise SizeError(f"needs {count - 1} slice_point for {count} tops")
    if not points and shape[axis] % count:
        raise SizeError(f"cannot cut axis {axis} of size {shape[axis]} into {count} parts")
    ends = [0, *points, shape[axis]] if points else [shape[axis] // count * k for k in
                                                     range(count + 1)]  # fmt: skip
    parts = [end - start for start, end in zip(ends, ends[1:])]
    if min(parts) < 1:
        raise SizeError(f"slice_point {points} must grow between 0 and {shape[axis]}")
    return [(*shape[:axis], part, *shape[axis + 1 :]) for part in parts], []


@rules.register("Eltwise")
def _eltwise(layer: Any, bottoms: list[Shape]) -> Sizes:
    if any(shape != bottoms[0] for shape in bottoms):
        raise SizeError("needs bottoms of one shape")
    return [bottoms[0]], []


@rules.register("Crop")
def _crop(layer: Any, bottoms: list[Shape]) -> Sizes:
    whole, like = bottoms
    start, given = _axis(layer.crop_param.axis, whole), list(layer.crop_param.offset)
    offsets = given if len(given) > 1 else (given or [0]) * (len(whole) - start)
    if len(like) < len(whole) or len(offsets) != len(whole) - start:
        raise UnknownSizeError
    for axis, offset in enumerate(offsets, start):
        if offset + like[axis] > whole[axis]:
            raise SizeError(f"cannot crop axis {axis} of size {whole[axis]} to {like[axis]} at "
                            f"offset {offset}")  # fmt: skip
    return [(*whole[:start], *like[start : len(whole)])], []


@rules.register("Flatten")
def _flatten(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.flatten_param, bottoms[0]
    start, end = _axis(param.axis, shape), _axis(param.end_axis, shape)
    return [(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])], []


@rules.register("Reshape")
def _reshape(layer: Any, bottoms: list[Shape]) -> Sizes:
    param, shape = layer.reshape_param, bottoms[0]
    start = param.axis if param.axis >= 0 else len(shape) + param.axis + 1
    end = len(shape) if param.num_axes == -1 else start + param.num_axes
    dims = list(param.shape.dim)
    if not 0 <= start <= end <= len(shape) or dims.count(-1) > 1:
        raise UnknownSizeError
    for place, size in enumerate(dims):
        if size == 0 and start + place >= len(shape):
            raise SizeError(f"cannot copy axis {start + place} of {len(shape)}")
        dims[place] = size or shape[start + place]
    known, inside = prod(size for size in dims if size >= 0), prod(shape[start:end])
    if -1 in dims:
        if not known or inside % known:
            raise SizeError(f"cannot divide {inside} values among axes of {known}")
        dims[dims.index(-1)] = inside // known
    elif known != inside:
        raise SizeError(f"cannot turn {inside} values into {known}")
    return [(*shape[:start], *dims, *shape[end:])], []


@rules.register("Tile")
def _tile(layer: Any, bottoms: list[Shape]) -> Sizes:
    shape, tiles = bottoms[0], layer.tile_param.tiles
    axis = _axis(layer.tile_param.axis, shape)
    if tiles < 1:
        raise SizeError("needs a positive tile_param.tiles")
    return [(*shape[:axis], shape[axis] * tiles, *shape[axis + 1 :])], []


@rules.register("Reduction")
def _reduction(layer: Any, bottoms: list[Shape]) -> Sizes:
    return [bottoms[0][: _axis(layer.reduction_param.axis, bottoms[0])]], []


@rules.register("Silence")
def _silence(layer: Any, bottoms: list[Shape]) -> Sizes:
    return [], []


@rules.register("Parameter")
def _parameter(layer: Any, bottoms: list[Shape]) -> Sizes:
    shape = tuple(layer.parameter_param.shape.dim)
    return [shape], [shape]


@rules.register("Input")
@rules.register("DummyData")
def _given(layer: Any, bottoms: list[Shape]) -> Sizes:
    param = layer.input_param if layer.type == "Input" else layer.dummy_data_param
    shapes = [tuple(one.dim) for one in param.shape]
    if not shapes:
        raise UnknownSizeError
    return [shapes[min(place, len(shapes) - 1)] for place in range(len(layer.top))], []


@rules.register("SoftmaxWithLoss")
def _softmax_loss(layer: Any, bottoms: list[Shape]) -> Sizes:
    _check_labels(_axis(layer.softmax_param.axis, bottoms[0]), bottoms)
    return [(), bottoms[0]][: max(len(layer.top), 1)], []


@rules.register("Accuracy")
def _accuracy(layer: Any, bottoms: list[Shape]) -> Sizes:
    axis = _axis(layer.accuracy_param.axis, bottoms[0])
    _check_labels(axis, bottoms)
    return [(), (bottoms[0][axis],)][: max(len(layer.top), 1)], []


@rules.register("EuclideanLoss")
@rules.register("SigmoidCrossEntropyLoss")
def _against_targets(layer: Any, bottoms: list[Shape]) -> Sizes:
    first, second = bottoms[:2]
    if prod(first) != prod(second):
        raise SizeError("needs as many targets as predictions")
    return [()], []


def _loss(layer: Any, bottoms: list[Shape]) -> Sizes:
    return [()], []


for _type in ("HingeLoss", "InfogainLoss", "MultinomialLogisticLoss", "ContrastiveLoss"):
    rules.add(_type, _loss)


def _check_labels(axis: int, bottoms: Sequence[Shape]) -> None:
    """A label for each prediction."""
    first = bottoms[0]
    wanted, found = prod(first[:axis]) * prod(first[axis + 1 :]), prod(bottoms[1])
    if wanted != found:
        raise SizeError(f"needs {wanted} labels, found {found}")


def _axis(axis: int, shape: Shape) -> int:
    """Counted from the front."""
    if not -len(shape) <= axis < len(shape):
        raise SizeError(f"axis {axis} is out of range for {len(shape)} axes")
    return axis % len(shape)


def _each(param: Any, many: str, pair: str, count: int, usual: int | None) -> list[int] | None:
    """A number for each of `count` spatial axes; None where none is given."""
    given = list(getattr(param, many))
    if many != "dilation" and (param.HasField(f"{pair}_h") or param.HasField(f"{pair}_w")):
        given = [getattr(param, f"{pair}_h"), getattr(param, f"{pair}_w")]
    if not given:
        return None if usual is None else [usual] * count
    if len(given) not in (1, count):
        raise SizeError(f"gives {many} {len(given)} times for {count} spatial axes")
    return given * count if len(given) == 1 else given
