"""Old ways to write a net, brought to today's, as Caffe does when it reads them.

In Caffe's order: V0 layers (`layers { layer { … } }`) become V1 ones, pictures' settings move
from data layers' parameters to transform_param, V1 layers (`layers { type: RELU }`) become
today's (`layer { type: "ReLU" }`), `input` fields become an Input layer, and the three
parameters of an old BatchNorm stop being learnt. Messages of any pool may be given, so that
weights can stay packed.
"""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from google.protobuf import message

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import upgrade_v0, upgrade_v1

M = TypeVar("M", bound=message.Message)
Report = Callable[[str], None]


def upgrade_net(net: M, where: object = "net", report: Report | None = None) -> M:
    """`net` written in today's way: itself if it is, else a new message.

    What an old layer says in vain (a setting that its type does not have) goes to `report`.
    Raises CaffeMnistError for layers of both kinds, V0 types that never were, misplaced padding
    layers, and inputs without a shape each.
    """
    given: Any = net
    tell = report or (lambda line: None)
    if is_v0(given):
        given = upgrade_v0.upgraded(given, where, tell)
    if needs_transform(given):
        given = _copy(given)
        upgrade_v1.move_transforms(given.layers)
    if given.layers:
        given = upgrade_v1.upgraded(given, where, tell)
    if given.input:
        given = _with_input_layer(given, where)
    if has_learnt_statistics(given):
        given = _without_learnt_statistics(given)
    return given  # type: ignore[no-any-return]


def old_ways(net: Any) -> list[str]:
    """What of `net` is written in an old way, in words; nothing for a net of today."""
    found = {
        "V0 layers": is_v0(net),
        "V1 layers": bool(net.layers) and not is_v0(net),
        "settings of pictures outside transform_param": needs_transform(net),
        "inputs outside layers": bool(net.input),
        "parameters of BatchNorm that would be learnt": has_learnt_statistics(net),
    }
    return [words for words, holds in found.items() if holds]


def is_v0(net: Any) -> bool:
    """Whether any layer is of the first kind, with its settings in `layer`."""
    return any(layer.HasField("layer") for layer in net.layers)


def needs_transform(net: Any) -> bool:
    """Whether a V1 data layer gives scale, mean_file, crop_size or mirror of its own."""
    return any(map(upgrade_v1.has_old_transform, net.layers))


def has_learnt_statistics(net: Any) -> bool:
    """Whether a BatchNorm layer says what is to be learnt of its three blobs."""
    return any(map(_learns_statistics, net.layer))


def _learns_statistics(layer: Any) -> bool:
    # Caffe looks at the number only, so that it upgrades today's nets again and again.
    if layer.type != "BatchNorm" or len(layer.param) != 3:
        return False
    return any(
        not one.HasField(name) or getattr(one, name) != 0
        for one in layer.param
        for name in ("lr_mult", "decay_mult")
    )


def _without_learnt_statistics(net: Any) -> Any:
    upgraded = _copy(net)
    for layer in upgraded.layer:
        if _learns_statistics(layer):
            for param in layer.param:
                param.lr_mult = param.decay_mult = 0
    return upgraded


def _with_input_layer(net: Any, where: object) -> Any:
    """`net`, its inputs (with `input_shape` or four `input_dim` each) as one Input layer.

    Inputs without any shape, as old caffemodels have them, just go.
    """
    count, shapes, dims = len(net.input), len(net.input_shape), len(net.input_dim)
    if (shapes or dims) and (shapes < count if shapes else dims < 4 * count):
        raise CaffeMnistError(
            f"names {count} inputs, with {shapes} input_shape and {dims} input_dim",
            where=where,
            hint="each needs an input_shape, or four input_dim",
        )
    upgraded = type(net)()
    if shapes or dims:
        layer = upgraded.layer.add(name="input", type="Input", top=net.input)
        for index in range(count):
            shape = layer.input_param.shape.add()
            if shapes:
                shape.CopyFrom(net.input_shape[index])
            else:
                shape.dim.extend(net.input_dim[4 * index : 4 * index + 4])
    upgraded.MergeFrom(net)
    for name in ("input", "input_dim", "input_shape"):
        upgraded.ClearField(name)
    return upgraded


def _copy(net: M) -> M:
    copy = type(net)()
    copy.CopyFrom(net)
    return copy
