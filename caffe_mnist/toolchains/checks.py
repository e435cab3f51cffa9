"""The checks that rules name: what of a net they find, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Callable

from caffe_mnist.layouts.deploy import DROPPED, SOURCES
from caffe_mnist.registry import Registry
from caffe_mnist.toolchains.facts import Facts, values
from caffe_mnist.toolchains.geometry import pair

READERS = SOURCES - {"Input"}
LOSSES = DROPPED - {"Silence"}
# The layer's name and what was found there.
Found = Iterator[tuple[str, str]]
Check = Callable[..., Found]
checks: Registry[Check] = Registry("check")


def _label(layer: Any) -> str:
    return f"{layer.name} ({layer.type})"


def _chosen(facts: Facts, layers: list[str] | None, group: str = "") -> Iterator[Any]:
    for layer in facts.layers:
        if layers is not None and layer.type not in layers:
            continue
        param = layer.convolution_param
        depthwise = param.group > 1 and param.group == facts.channels(layer)
        if not group or (group == "depthwise") == depthwise:
            yield layer


@checks.register("old")
def _old(facts: Facts, contains: str) -> Found:
    """Old ways of writing, in either file."""
    for where, ways in (("the prototxt", facts.old), ("the caffemodel", facts.model_old)):
        for way in ways:
            if contains in way:
                yield where, way


@checks.register("type")
def _type(facts: Facts, known: list[str]) -> Found:
    for layer in facts.layers:
        if layer.type not in known and layer.type not in (*READERS, *LOSSES):
            yield _label(layer), f"type {layer.type}"


@checks.register("has-type")
def _has_type(facts: Facts, types: list[str]) -> Found:
    for layer in facts.layers:
        if layer.type in types:
            yield _label(layer), f"type {layer.type}"


@checks.register("training")
def _training(facts: Facts) -> Found:
    """Layers that read data or measure: the net is not one to deploy."""
    for layer in facts.layers:
        if layer.type in READERS:
            yield _label(layer), "reads data"
        elif layer.type in LOSSES:
            yield _label(layer), "is a loss or a measure"


@checks.register("inputs")
def _inputs(facts: Facts, most: int) -> Found:
    names = [top for one in facts.layers if one.type == "Input" for top in one.top]
    if len(names) > most:
        yield "inputs", f"{len(names)}: {', '.join(names)}"


@checks.register("batch")
def _batch(facts: Facts, most: int) -> Found:
    for layer in facts.layers:
        for top, shape in zip(layer.top, layer.input_param.shape):
            if layer.type == "Input" and shape.dim and shape.dim[0] > most:
                yield _label(layer), f"a batch of {shape.dim[0]} in {top}"


@checks.register("input-axes")
def _input_axes(facts: Facts, count: int) -> Found:
    for layer in facts.layers:
        for top, shape in zip(layer.top, layer.input_param.shape):
            if layer.type == "Input" and len(shape.dim) != count:
                yield _label(layer), f"{top} has {len(shape.dim)} axes"


@checks.register("names")
def _names(facts: Facts) -> Found:
    counts = Counter(one.name for one in facts.layers)
    for name, count in counts.items():
        if count > 1:
            yield name, f"{count} layers have this name"


@checks.register("tops")
def _tops(facts: Facts) -> Found:
    """One blob made by several layers, none of which works on it in place."""
    made: set[str] = set()
    for layer in facts.layers:
        for top in layer.top:
            if top in made and top not in layer.bottom:
                yield _label(layer), f"makes {top} a second time"
            made.add(top)


@checks.register("in-place")
def _in_place(facts: Facts, but: list[str]) -> Found:
    for layer in facts.layers:
        if set(layer.top) & set(layer.bottom) and layer.type not in but:
            yield _label(layer), f"works in place on {layer.top[0]}"


@checks.register("batch-norm-alone")
def _batch_norm_alone(facts: Facts) -> Found:
    """BatchNorm whose next reader is no Scale."""
    for place, layer in enumerate(facts.layers):
        if layer.type != "BatchNorm":
            continue
        later = facts.layers[place + 1 :]
        reader = next((one for one in later if set(one.bottom) & set(layer.top)), None)
        if reader is None or reader.type != "Scale":
            yield _label(layer), "no Scale follows"


@checks.register("batch-norm-statistics")
def _statistics(facts: Facts) -> Found:
    for layer in facts.layers:
        param = layer.batch_norm_param
        given = layer.type == "BatchNorm" and param.HasField("use_global_stats")
        if given and not param.use_global_stats:
            yield _label(layer), "use_global_stats: false"


@checks.register("batch-norm-blobs")
def _batch_norm_blobs(facts: Facts) -> Found:
    """Mean, variance and a factor that is not 0."""
    for layer in facts.layers:
        if layer.type != "BatchNorm" or not facts.has_weights:
            continue
        blobs = facts.blobs.get(layer.name, ())
        if len(blobs) != 3:
            yield _label(layer), f"{len(blobs)} blobs"
        elif not values(blobs[2], layer.name).any():
            yield _label(layer), "its factor blob is 0"


@checks.register("weights")
def _weights(facts: Facts) -> Found:
    types = ("Convolution", "Deconvolution", "InnerProduct", "PReLU", "Embed")
    for layer in facts.layers if facts.has_weights else ():
        if layer.type in types and not facts.blobs.get(layer.name):
            yield _label(layer), "the caffemodel has no weights of it"


@checks.register("ceil-pooling")
def _ceil(facts: Facts) -> Found:
    """Pooling whose size depends on how it is rounded."""
    for layer in facts.layers:
        shape = facts.shapes.get(layer.bottom[0]) if layer.bottom else None
        if layer.type != "Pooling" or shape is None or len(shape) != 4:
            continue
        if layer.pooling_param.global_pooling or layer.pooling_param.round_mode:
            continue
        sizes = []
        for axis in (0, 1):
            kernel, stride, pad = (
                (pair(layer, what) or (0, 0))[axis] for what in ("kernel", "stride", "pad")
            )
            room = shape[2 + axis] + 2 * pad - kernel
            sizes.append((room // max(stride, 1) + 1, shape[2 + axis]))
        tops = facts.shapes.get(layer.top[0])
        if tops is not None and tuple(size for size, _ in sizes) != tops[2:]:
            ours, theirs = ("×".join(map(str, one)) for one in (tops[2:], [n for n, _ in sizes]))
            yield _label(layer), f"{ours} in Caffe, {theirs} when rounded down"


@checks.register("range")
def _range(
    facts: Facts,
    of: str,
    layers: list[str] | None = None,
    least: int = 0,
    most: int = 2**31,
    group: str = "",
    among: list[int] | None = None,
    stride: int | None = None,
) -> Found:
    """Kernel, stride, pad or dilation along both axes; `stride`: of layers with this one."""
    for layer in _chosen(facts, layers, group):
        shape = facts.shapes.get(layer.bottom[0]) if layer.bottom else None
        found = pair(layer, of, shape)
        if found is None or (stride is not None and pair(layer, "stride") != (stride, stride)):
            continue
        outside = any(not least <= one <= most or (among and one not in among) for one in found)
        if outside:
            yield _label(layer), f"{of} {found[0]}×{found[1]}"


@checks.register("area")
def _area(facts: Facts, most: int, layers: list[str], of: str = "kernel") -> Found:
    """Height times width of kernel or stride."""
    for layer in _chosen(facts, layers):
        shape = facts.shapes.get(layer.bottom[0]) if layer.bottom else None
        found = pair(layer, of, shape)
        if found is not None and found[0] * found[1] > most:
            yield _label(layer), f"{of} {found[0]}×{found[1]}"


@checks.register("kernel-by-width")
def _by_width(facts: Facts, most: int) -> Found:
    """Pooling: the kernel's height times the width of what is pooled."""
    for layer in _chosen(facts, ["Pooling"]):
        shape = facts.shapes.get(layer.bottom[0]) if layer.bottom else None
        kernel = pair(layer, "kernel", shape)
        if shape and kernel and len(shape) == 4 and kernel[0] * shape[3] > most:
            yield _label(layer), f"kernel {kernel[0]}×{kernel[1]} over a width of {shape[3]}"


@checks.register("square")
def _square(facts: Facts, layers: list[str]) -> Found:
    for layer in _chosen(facts, layers):
        found = pair(layer, "kernel")
        if found is not None and found[0] != found[1]:
            yield _label(layer), f"kernel {found[0]}×{found[1]}"


@checks.register("dilated-stride")
def _dilated(facts: Facts) -> Found:
    for layer in facts.layers:
        dilation, stride = pair(layer, "dilation"), pair(layer, "stride")
        if dilation and stride and max(dilation) > 1 and max(stride) > 1:
            yield _label(layer), f"dilation {dilation[0]}, stride {stride[0]}"


@checks.register("group")
def _group(facts: Facts, layers: list[str]) -> Found:
    """Groups that are neither 1 nor one a channel."""
    for layer in _chosen(facts, layers):
        group, channels = layer.convolution_param.group, facts.channels(layer)
        if group > 1 and channels is not None and group != channels:
            yield _label(layer), f"group {group} of {channels} channels"


@checks.register("depthwise")
def _depthwise(facts: Facts) -> Found:
    for layer in _chosen(facts, ["Convolution"], "depthwise"):
        yield _label(layer), f"group {layer.convolution_param.group}, one a channel"


@checks.register("size")
def _size(facts: Facts, axis: int, most: int, layers: list[str] | None = None) -> Found:
    """Blobs that are larger along an axis."""
    seen = set()
    for layer in _chosen(facts, layers):
        for blob in (*layer.bottom, *layer.top):
            shape = facts.shapes.get(blob, ())
            if len(shape) == 4 and shape[axis] > most and blob not in seen:
                seen.add(blob)
                yield _label(layer), f"{blob} is {'×'.join(map(str, shape))}"


@checks.register("first-width")
def _first(facts: Facts, most: int) -> Found:
    """The first convolution: the picture's width times the kernel's height."""
    first = next((one for one in facts.layers if one.type == "Convolution"), None)
    shape = facts.shapes.get(first.bottom[0]) if first is not None else None
    kernel = pair(first, "kernel") if first is not None else None
    if shape and kernel and len(shape) == 4 and shape[3] * kernel[0] >= most:
        yield _label(first), f"width {shape[3]} times kernel {kernel[0]}"


@checks.register("field")
def _field(facts: Facts, layers: list[str], path: str, among: list[Any]) -> Found:
    """A setting with another value than these."""
    for layer in _chosen(facts, layers):
        value: Any = layer
        *parents, last = path.split(".")
        for parent in parents:
            value = getattr(value, parent)
        found = getattr(value, last)
        enum = value.DESCRIPTOR.fields_by_name[last].enum_type
        named = enum.values_by_number[found].name if enum is not None else found
        if named not in among:
            yield _label(layer), f"{last}: {named}"


@checks.register("set")
def _set(facts: Facts, layers: list[str], path: str) -> Found:
    """A repeated setting that is given at all."""
    for layer in _chosen(facts, layers):
        value: Any = layer
        for part in path.split("."):
            value = getattr(value, part)
        if len(value):
            yield _label(layer), f"{path.split('.')[-1]}: {', '.join(f'{one:g}' for one in value)}"


@checks.register("axis")
def _axis(facts: Facts) -> Found:
    """Axes that are counted from the end."""
    for layer in facts.layers:
        for field, value in layer.ListFields():
            if field.message_type is None or not field.name.endswith("_param"):
                continue
            axis = getattr(value, "axis", 0) if field.name != "reshape_param" else 0
            if isinstance(axis, int) and axis < 0:
                yield _label(layer), f"axis: {axis}"


@checks.register("bottoms")
def _bottoms(facts: Facts, layers: list[str], most: int) -> Found:
    for layer in _chosen(facts, layers):
        if len(layer.bottom) > most:
            yield _label(layer), f"{len(layer.bottom)} bottoms"


@checks.register("power")
def _power(facts: Facts) -> Found:
    """Powers that are no positive whole numbers."""
    for layer in facts.layers:
        power = layer.power_param.power
        if layer.type == "Power" and (power <= 0 or power != int(power)):
            yield _label(layer), f"power: {power:g}"
