"""What a net learns: its parameters, their multipliers, and sharing by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from caffe_mnist.engine.blob import Parameter
from caffe_mnist.engine.layer import Layer
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Learnable:
    """One learnable parameter with its multipliers of learning rate and weight decay."""

    parameter: Parameter
    lr_mult: float
    decay_mult: float


@dataclass
class _Owner:
    """Who has a name first, and the multipliers given by any layer with it so far."""

    number: int
    layer: Layer
    place: int
    given: dict[str, float]


class LearnableParameters:
    """The parameters of a net, each once, in the order of the layers."""

    def __init__(self) -> None:
        """Start with none; layers are added as the net is built."""
        self.learnables: list[Learnable] = []
        self._owners: dict[str, _Owner] = {}

    def append(self, layer: Layer, report: Callable[[str, str], None]) -> None:
        """Add the parameters of `layer`; one whose name is known becomes that parameter.

        Raises CaffeMnistError when shapes (strict) or sizes (permissive) differ, or when two
        places give a multiplier and the two differ.
        """
        specs = layer.param.param
        if len(specs) > len(layer.blobs):
            raise layer.error(
                f"has {len(layer.blobs)} parameter(s), but param is given {len(specs)} times"
            )
        for index in range(len(layer.blobs)):
            spec = specs[index] if index < len(specs) else caffe_pb2.ParamSpec()
            owner = self._owners.get(spec.name) if spec.name else None
            if owner is not None:
                line = (
                    f"Sharing parameters '{spec.name}' owned by layer '{owner.layer.name}', "
                    f"param index {owner.place}"
                )
                report("net.cpp:467", line)
                self._share(layer, index, spec, owner)
                continue
            if spec.name:
                number = len(self.learnables)
                self._owners[spec.name] = _Owner(number, layer, index, _given(spec))
            self.learnables.append(Learnable(layer.blobs[index], spec.lr_mult, spec.decay_mult))

    def clear_diffs(self) -> None:
        """Start new gradients."""
        for learnable in self.learnables:
            learnable.parameter.clear_diff()

    def _share(self, layer: Layer, index: int, spec: caffe_pb2.ParamSpec, owner: _Owner) -> None:
        ours, theirs = layer.blobs[index], owner.layer.blobs[owner.place]
        permissive = spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE
        same = ours.count == theirs.count if permissive else ours.shape == theirs.shape
        if not same:
            raise layer.error(
                f"cannot share parameter {spec.name!r} with layer {owner.layer.name!r}: "
                f"shape {ours.shape} here, {theirs.shape} there"
            )
        for field, value in _given(spec).items():
            if owner.given.setdefault(field, value) != value:
                raise layer.error(
                    f"shared parameter {spec.name!r} has {field} {value:g}, "
                    f"but {owner.given[field]:g} in a layer before"
                )
        self.learnables[owner.number] = Learnable(
            self.learnables[owner.number].parameter,
            owner.given.get("lr_mult", spec.lr_mult),
            owner.given.get("decay_mult", spec.decay_mult),
        )
        if ours.shape == theirs.shape:
            layer.blobs[index] = theirs
        else:
            layer.blobs[index] = Parameter(ours.shape, ours.device, owner=theirs)


def _given(spec: caffe_pb2.ParamSpec) -> dict[str, float]:
    """The multipliers that a net gives, not those left at 1."""
    return {
        field: getattr(spec, field) for field in ("lr_mult", "decay_mult") if spec.HasField(field)
    }
