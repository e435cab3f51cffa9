"""The deploy net of a train_val net: pictures in, scores out, nothing to learn from.

What the TEST phase does to its data is kept in the Input layer's transform_param, and the size
of the pictures before a crop in its image_data_param. Caffe's Input layer ignores both; programs
that feed pictures read them there (the sample of the container does the same).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from google.protobuf import text_format

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.edit import append, without_fields
from caffe_mnist.layouts.source import Prototxt, prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.fork_text import to_text
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.prototxt import Block, Scalar, replace
from caffe_mnist.schema.tokens import quote
from caffe_mnist.schema.upgrade import upgrade_net

# What a loss turns scores into is kept as a layer of its own.
LOSSES = {
    "SoftmaxWithLoss": "Softmax",
    "SigmoidCrossEntropyLoss": "Sigmoid",
    "InfogainLoss": "Softmax",
}
# Layers that only train or measure.
DROPPED = frozenset(
    {"Accuracy", "ContrastiveLoss", "EuclideanLoss", "HDF5Output", "HingeLoss",
     "MultinomialLogisticLoss", "Silence", *LOSSES}
)  # fmt: skip
# Layers whose weights must come from the training.
WEIGHTED = frozenset(
    {"BatchNorm", "Bias", "Convolution", "Deconvolution", "Embed", "InnerProduct", "LSTM",
     "PReLU", "Parameter", "RNN", "Scale"}
)  # fmt: skip
Shapes = Union[Sequence[int], Mapping[str, Sequence[int]]]
SOURCES = frozenset(
    {"Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "WindowData"}
)


def deploy_net(
    net: Any,
    shape: Shapes,
    where: object,
    fields: Mapping[str, Any] | None = None,
    state: Any = None,
) -> Any:
    """A NetParameter for inference on blobs of `shape` (N × C × H × W).

    Data layers become Input layers; losses and measures go, with the branches and labels that
    only they need; the last loss of the largest weight leaves `prob`, its scores. A net whose
    scores come of several inputs needs a mapping, a shape for each. The (one) input says
    `fields` (those of `input_fields`); `state` has the level and stages that choose layers.
    Raises CaffeMnistError when no data layer of the TEST phase leads to scores, or more do
    than shapes are given.
    """
    layers = _test_layers(net, state)
    inputs = _inputs(layers, where)
    shapes = shape if isinstance(shape, Mapping) else {inputs[0][1]: shape}
    missing = [top for _, top in inputs if top not in shapes]
    if missing:
        names = ", ".join(top for _, top in inputs)
        what = f"scores come of {len(inputs)} inputs ({names}), with no shape for {missing[0]!r}"
        raise CaffeMnistError(what, where=where, hint=f"--shape {missing[0]}=1x3x224x224")
    wanted = _wanted(layers, {top for _, top in inputs})
    deploy = caffe_pb2.NetParameter(name=net.name)
    for layer, top in inputs:
        name = layer.name if len(inputs) == 1 else top
        one = deploy.layer.add(name=name, type="Input", top=[top])
        one.input_param.shape.add(dim=shapes[top])
    if len(inputs) == 1:
        for field, value in (input_fields(net, state=state) if fields is None else fields).items():
            getattr(deploy.layer[0], field).CopyFrom(value)
    for layer in wanted:
        copy = deploy.layer.add()
        copy.CopyFrom(layer)
        for field in ("include", "exclude", "phase", "loss_weight", "propagate_down"):
            copy.ClearField(field)
    losses = _losses(layers)
    for loss in losses:
        _add_scores(deploy, loss, last=loss is losses[-1])
    return deploy


def input_tops(net: Any, where: object, state: Any = None) -> list[tuple[Any, str]]:
    """What a deploy net of `net` is fed: data layers of the TEST phase, and their tops."""
    return _inputs(_test_layers(net, state), where)


def deploy_text(
    net: Any,
    shape: Shapes,
    where: object,
    fields: Mapping[str, Any] | None = None,
    state: Any = None,
) -> str:
    """`deploy_net` as prototxt."""
    return to_text(deploy_net(net, shape, where, fields, state))


def input_fields(
    net: Any, size: tuple[int, int] | None = None, state: Any = None
) -> dict[str, Any]:
    """What an Input layer says of its pictures, by field: what the TEST phase does to them.

    `size` is that of the pictures before a crop: (height, width), or (side, 0) for the shorter
    side. It goes into `image_data_param`; an ImageData layer says it itself.
    """
    found = {}
    transform, layer = transform_of(net, state), picture_layer(net, state)
    if transform is not None:
        found["transform_param"] = transform
    if layer is not None and layer.type == "ImageData" and layer.image_data_param.new_height:
        size = (layer.image_data_param.new_height, layer.image_data_param.new_width)
    if size is not None:
        param = caffe_pb2.ImageDataParameter(new_height=size[0])
        if size[1]:
            param.new_width = size[1]
        found["image_data_param"] = param
    return found


def transform_of(net: Any, state: Any = None) -> Any:
    """What the TEST phase's data layer does to its pictures, mirroring aside; None if nothing."""
    layer = picture_layer(net, state)
    if layer is None:
        given = (one for one in _test_layers(net, state) if one.HasField("transform_param"))
        layer = next((one for one in given if _is_source(one)), None)
    if layer is None or not layer.HasField("transform_param"):
        return None
    transform = caffe_pb2.TransformationParameter()
    transform.CopyFrom(layer.transform_param)
    transform.ClearField("mirror")
    return transform if transform.ListFields() else None


def picture_layer(net: Any, state: Any = None) -> Any:
    """The data layer whose pictures the TEST phase scores; None where there is not one."""
    try:
        found = _inputs(_test_layers(net, state), None)
    except CaffeMnistError:
        return None
    return found[0][0] if len(found) == 1 else None


def with_input(deploy: Prototxt, wanted: Mapping[str, Any]) -> str:
    """The text of a deploy net, with the messages `wanted` (by field) in its Input layer.

    They go before what it says there. Inputs that stand outside layers (`input`, `input_dim`,
    `input_shape`) become an Input layer.
    """
    fields = deploy.block.fields
    for item in fields:
        if item.name == "layer" and isinstance(item.value, Block) and _is_input(item.value):
            return _with_fields(deploy, item.value, wanted)
    names = [item.value.text for item in fields if item.name == "input"]  # type: ignore[union-attr]
    shapes = [item for item in fields if item.name in ("input_dim", "input_shape")]
    if len(names) != 1 or not shapes or not wanted:
        return deploy.text
    name = quote(names[0])
    layer = f'layer {{\n  name: {name}\n  type: "Input"\n  top: {name}\n'
    layer += "".join(f"  {field} {{ {_line(value)} }}\n" for field, value in wanted.items())
    layer += f"  input_param {{ shape {{ {_dims(deploy.text, shapes)} }} }}\n}}\n"
    at = min(item.start for item in fields if item.name in ("input", "input_dim", "input_shape"))
    text = without_fields(deploy.text, deploy.block, ("input", "input_dim", "input_shape"))
    return replace(text, [(at, at, layer)])


def _with_fields(deploy: Prototxt, block: Block, wanted: Mapping[str, Any]) -> str:
    """The net's text with these messages in its Input layer; what says the same stays."""
    text = deploy.text
    layer = parse_text(text[block.start : block.end], caffe_pb2.LayerParameter, deploy.path)
    new, changes = [], []
    for name, value in wanted.items():
        given = [one.value for one in block.fields if one.name == name]
        if not given:
            new.append(f"{name} {{ {_line(value)} }}")
        elif getattr(layer, name) != value:
            texts = [f" {_line(value)} ", *[" "] * (len(given) - 1)]
            changes += [(one.start, one.end, said) for one, said in zip(given, texts)]
    if not changes:
        return append(text, block, new) if new else text
    changed = prototxt(deploy.path, replace(text, changes), deploy.kind)
    return with_input(changed, wanted) if new else changed.text


def _line(message: Any) -> str:
    return str(text_format.MessageToString(message, as_one_line=True)).strip()


def fits(deploy: Any, net: Any) -> bool:
    """Whether the weights of `net` are those that a deploy net expects, as far as texts tell."""
    trained = {layer.name: _shape_of_weights(layer) for layer in upgrade_net(net).layer}
    pairs = [(layer, _shape_of_weights(layer)) for layer in upgrade_net(deploy).layer]
    return all(
        trained[layer.name] == shape if layer.name in trained else layer.type not in WEIGHTED
        for layer, shape in pairs
        if layer.type not in SOURCES
    )


def _shape_of_weights(layer: Any) -> tuple[str, str]:
    """A layer's type and settings, without what only the training uses."""
    param = type(layer).FromString(layer.SerializeToString())
    for name in ("name", "bottom", "top", "param", "include", "exclude", "phase", "loss_weight",
                 "propagate_down", "blobs", "transform_param"):  # fmt: skip
        param.ClearField(name)
    for _, settings in param.ListFields():
        for name in ("weight_filler", "bias_filler", "filler", "engine"):
            if name in getattr(settings, "DESCRIPTOR", param.DESCRIPTOR).fields_by_name:
                settings.ClearField(name)
    return layer.type, str(text_format.MessageToString(param))


def _test_layers(net: Any, state: Any = None) -> list[Any]:
    given = net.state if state is None else state
    net = caffe_pb2.NetParameter.FromString(upgrade_net(net).SerializeToString())
    net.state.CopyFrom(given)
    net.state.phase = caffe_pb2.TEST
    return list(filter_net(net).layer)


def _inputs(layers: Sequence[Any], where: object) -> list[tuple[Any, str]]:
    """The tops of data layers that scores are made of; without scores, all that are no labels."""
    needed = _score_blobs(layers)
    for layer in reversed([one for one in layers if not _is_dropped(one)]):
        if not _is_source(layer) and needed.intersection(layer.top):
            needed.update(layer.bottom)
    found = [
        (layer, top) for layer in layers if _is_source(layer) for top in layer.top if top in needed
    ]
    if not needed:
        read = {name for layer in layers if not _is_dropped(layer) for name in layer.bottom}
        sources = [one for one in layers if _is_source(one) and one.top]
        found = [(one, one.top[0]) for one in sources if one.top[0] in read]
    if not found:
        what = "has no data layer that leads to scores in the TEST phase"
        stages = sorted({one for layer in layers for rule in layer.include for one in rule.stage})
        hint = f"--stage {stages[0]}" if stages else None
        raise CaffeMnistError(what, where=where, hint=hint)
    return found


def _is_source(layer: Any) -> bool:
    """Whether data comes from a layer: of a type that reads, or any (a fork's) without bottoms.

    What DummyData fills with constants (marks for recurrent layers) stays in a deploy net.
    """
    if layer.type == "DummyData":
        fillers = layer.dummy_data_param.data_filler
        return any(one.type != "constant" for one in fillers)
    return layer.type in SOURCES or (not layer.bottom and layer.type != "Parameter")


def _is_dropped(layer: Any) -> bool:
    """Whether a layer only trains or measures; those of forks are told by their names."""
    return layer.type in DROPPED or layer.type.endswith(("Loss", "Evaluate"))


def _score_blobs(layers: Sequence[Any]) -> set[str]:
    """What the losses that count are computed of, labels aside; without losses, the measures.

    A loss that takes its blobs in any order (EuclideanLoss) is asked which of them were learnt.
    """
    learnt: set[str] = set()
    for layer in layers:
        if not _is_dropped(layer):
            of_learnt = not learnt.isdisjoint(layer.bottom) or layer.type in WEIGHTED
            (learnt.update if of_learnt else learnt.difference_update)(layer.top)
    losses = _losses(layers)
    measured = [one for one in layers if _is_dropped(one) and one.type != "Silence"]
    found: set[str] = set()
    for layer in losses or measured:
        scores = [name for name in layer.bottom if name in learnt]
        found.update(layer.bottom[:1] if layer.type in LOSSES or not scores else scores)
    return found


def _losses(layers: Sequence[Any]) -> list[Any]:
    """The losses that scores are made of: those of the largest weight, not auxiliary ones."""
    losses = [layer for layer in layers if layer.type in LOSSES]
    weights = [layer.loss_weight[0] if layer.loss_weight else 1.0 for layer in losses]
    return [layer for layer, weight in zip(losses, weights) if weight == max(weights)]


def _wanted(layers: Sequence[Any], inputs: set[str]) -> list[Any]:
    """The layers that make scores of the inputs: no label above them, more than a loss below."""
    gone = {top for layer in layers if _is_source(layer) for top in layer.top} - inputs
    kept = []
    for layer in layers:
        if _is_dropped(layer) or not gone.isdisjoint(layer.bottom):
            gone.update(set(layer.top) - set(layer.bottom))
        elif not _is_source(layer):
            kept.append(layer)
    needed = _score_blobs(layers)
    read = {bottom for layer in layers for bottom in layer.bottom}
    result = []
    for layer in reversed(kept):
        if needed.intersection(layer.top) or read.isdisjoint(layer.top):
            needed.update(layer.bottom)
            result.append(layer)
    return result[::-1]


def _add_scores(deploy: Any, loss: Any, last: bool) -> None:
    """A layer of scores for `loss` (`prob` for the last one), unless the net has one already."""
    kind = LOSSES[loss.type]
    if any(one.type == kind and one.bottom[:1] == loss.bottom[:1] for one in deploy.layer):
        return
    names = {one.name for one in deploy.layer} | {top for one in deploy.layer for top in one.top}
    name = "prob" if last and "prob" not in names else f"prob_{loss.name}"
    scores = deploy.layer.add(name=name, type=kind, bottom=[loss.bottom[0]], top=[name])
    if loss.HasField("softmax_param"):
        scores.softmax_param.CopyFrom(loss.softmax_param)


def _is_input(block: Block) -> bool:
    kinds = [one.value for one in block.fields if one.name == "type"]
    return any(isinstance(kind, Scalar) and kind.text == "Input" for kind in kinds)


def _dims(text: str, shapes: Sequence[Any]) -> str:
    if isinstance(shapes[0].value, Block):
        return text[shapes[0].value.start : shapes[0].value.end].strip()
    return " ".join(f"dim: {item.value.text}" for item in shapes)
