"""What a net learns: its parameters, their multipliers, and sharing by name."""

from __future__ import annotations

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


class LearnableParameters:
    """The parameters of a net, each once, in the order of the layers."""

    def __init__(self) -> None:
        """Start with none; layers are added as the net is built."""
        self.learnables: list[Learnable] = []
        self._owners: dict[str, tuple[int, Layer, int]] = {}

    def append(self, layer: Layer) -> None:
        """Add the parameters of `layer`; one whose name is known becomes that parameter.

        Raises CaffeMnistError when shapes (strict) or sizes (permissive) differ, or when both
        places give a multiplier and the two differ.
        """
        specs = layer.param.param
        if len(specs) > len(layer.blobs):
            raise layer.error(
                f"has {len(layer.blobs)} parameter(s), but param is given {len(specs)} times"
            )
        layer.learns = []
        for index in range(len(layer.blobs)):
            spec = specs[index] if index < len(specs) else caffe_pb2.ParamSpec()
            if spec.name and spec.name in self._owners:
                number = self._share(layer, index, spec)
            else:
                number = len(self.learnables)
                self.learnables.append(Learnable(layer.blobs[index], spec.lr_mult, spec.decay_mult))
                if spec.name:
                    self._owners[spec.name] = (number, layer, index)
            layer.learns.append(self.learnables[number].lr_mult != 0)

    def clear_diffs(self) -> None:
        """Start new gradients."""
        for learnable in self.learnables:
            learnable.parameter.clear_diff()

    def _share(self, layer: Layer, index: int, spec: caffe_pb2.ParamSpec) -> int:
        number, owner, place = self._owners[spec.name]
        ours, theirs = layer.blobs[index], owner.blobs[place]
        permissive = spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE
        same = ours.count == theirs.count if permissive else ours.shape == theirs.shape
        if not same:
            raise layer.error(
                f"cannot share parameter {spec.name!r} with layer {owner.name!r}: "
                f"shape {ours.shape} here, {theirs.shape} there"
            )
        shared = self.learnables[number]
        first = owner.param.param[place]
        for field in ("lr_mult", "decay_mult"):
            if spec.HasField(field):
                value = getattr(spec, field)
                if first.HasField(field) and getattr(first, field) != value:
                    raise layer.error(f"shared parameter {spec.name!r} has another {field} there")
                shared = Learnable(
                    shared.parameter,
                    value if field == "lr_mult" else shared.lr_mult,
                    value if field == "decay_mult" else shared.decay_mult,
                )
        self.learnables[number] = shared
        if ours.shape == theirs.shape:
            layer.blobs[index] = theirs
        else:
            layer.blobs[index] = Parameter(ours.shape, ours.device, owner=theirs)
        return number
