"""What a layer is, and the registry of layers by Caffe's type names.

A layer's life: made from its `LayerParameter`, `setup` once (parameters are allocated and
filled), `reshape` whenever a bottom's shape changes, then `forward` and `backward`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter, ShapeError
from caffe_mnist.engine.precision import FP32, Part, Precision
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.team import Team
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2

# What Caffe keeps in an int.
LARGEST = 2**31 - 1
# So many passes of a layer check values where that means to wait: those before a recording.
LOOKS = 3

layers: Registry[type[Layer]] = Registry("layer type", package="caffe_mnist.engine.layers")


@dataclass(frozen=True)
class Surroundings:
    """What a layer may ask of the net that holds it.

    The net's solver is one of a `team` that trains on the same data side by side.
    """

    phase: int = caffe_pb2.TRAIN
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    generator: RandomNumbers = field(default_factory=RandomNumbers)
    team: Team = field(default_factory=Team)
    precision: Precision = FP32


class Layer:
    """Base of all layers; subclasses say how many bottoms and tops they take.

    `bottoms` and `tops` are ranges (least, most); None means without limit. `loss_layer` tops
    have a loss weight of 1 unless the net says otherwise; with `auto_tops`, tops that the net
    does not name are made. `learns` says for each parameter whether its gradient is computed: as
    in Caffe, unless the net itself gives it an lr_mult of 0. `part` says what it does
    with 16 bits. `repeats`: given what `draw` takes from outside, both passes are the same
    operations on the same tensors each time, so that they can be recorded; False for a layer with
    a memory, or whose operations depend on values.
    """

    bottoms: tuple[int, int | None] = (1, 1)
    tops: tuple[int, int | None] = (1, 1)
    in_place = False
    loss_layer = False
    auto_tops = False
    equal_bottoms_and_tops = False
    part = Part.FULL
    repeats = True
    # Whose layer it is, where Caffe has none of the type.
    fork: str | None = None
    # Whether parameters in files may have other axes of size 1.
    loose_shapes = False
    # Whether Caffe computes the bottom's gradient whatever `propagate_down` says in the net.
    always_propagates = False
    # Whether a loss_weight of the first top is enough, where Caffe wants one for each.
    weighs_first_alone = False

    def __init__(self, param: caffe_pb2.LayerParameter, surroundings: Surroundings) -> None:
        """Keep the settings; nothing is read or allocated yet."""
        self.param = param
        self.name = param.name
        self.surroundings = surroundings
        self.phase = surroundings.phase
        self.device = surroundings.device
        self.blobs: list[Parameter] = []
        self.learns: list[bool] = []
        self._looks_left = LOOKS

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the settings and allocate parameters; shapes of the bottoms are known."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes from those of the bottoms; by default the first's."""
        for blob in top:
            blob.reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops' data."""
        raise NotImplementedError(f"{type(self).__name__} has no forward pass")

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Compute the gradients of the bottoms to propagate to, and add the parameters'."""
        raise self.error("has no backward pass")

    def draw(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> list[Tensor] | None:
        """What the next forward pass takes from outside the net: data, random numbers."""
        return None

    def forward_with(
        self, values: list[Tensor], bottom: Sequence[Blob], top: Sequence[Blob]
    ) -> None:
        """`forward` with what `draw` gave."""
        raise NotImplementedError

    def skip_to(self, passes: int, taken: int) -> None:
        """Go on as if `passes` forward passes had been made (data layers seek their record).

        All solvers together have made `taken` of them.
        """

    def state(self) -> dict[str, Any]:
        """What a later run needs, beside the parameters, to go on exactly here.

        Numbers, strings, lists of them, and arrays; nothing for a layer that remembers nothing
        from one pass to the next. What random numbers the net's own stream gives is kept anyway.
        """
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; raises ValueError or KeyError for what is none."""

    def hands_on(self) -> bool:
        """Whether Caffe keeps its tops in the bottom's memory.

        Then a layer that works in place on one of them changes the bottom and the others, too.
        """
        return False

    def allows_force_backward(self, index: int) -> bool:
        """Whether `force_backward` may ask for the gradient of bottom `index`."""
        return True

    def close(self) -> None:
        """Let go of threads and files."""

    def error(self, what: str, hint: str | None = None) -> CaffeMnistError:
        """An expected failure of this layer."""
        return CaffeMnistError(what, where=f"layer {self.name!r} ({self.param.type})", hint=hint)

    def explained(self, error: Exception) -> Exception:
        """`error` as a failure of this layer where a user can cause it: shapes and memory."""
        if isinstance(error, ShapeError):
            return self.error(error.what)
        words = ("can't allocate memory", "not enough memory")
        known = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        if known or any(word in str(error) for word in words):
            return self.error("needs more memory than there is", "a smaller batch or a smaller net")
        return error

    def check_counts(self) -> None:
        """Raise CaffeMnistError unless the net gives as many bottoms and tops as this takes."""
        for kind, names, (least, most) in (
            ("bottom", self.param.bottom, self.bottoms),
            ("top", self.param.top, self.tops),
        ):
            if len(names) < least and not (kind == "top" and self.auto_tops):
                raise self.error(f"takes at least {least} {kind} blob(s), found {len(names)}")
            if most is not None and len(names) > most:
                raise self.error(f"takes at most {most} {kind} blob(s), found {len(names)}")
        if self.equal_bottoms_and_tops and len(self.param.bottom) != len(self.param.top):
            raise self.error("takes as many top as bottom blobs")

    def looks(self) -> bool:
        """Whether this pass may check values (labels, indices), which asks the device for them.

        On the CPU always. Elsewhere the question would wait for the answer, and cannot be asked
        while iterations are recorded: there the first passes tell, as a fault of the dataset does.
        """
        if self.device.type == "cpu":
            return True
        self._looks_left -= 1
        return self._looks_left >= 0

    def check_not_empty(self, blob: Blob, axis: int = 1) -> None:
        """Raise CaffeMnistError for sizes of 0 from `axis` on; no items at all may be fine."""
        if 0 in blob.shape[axis:]:
            raise self.error(f"takes no empty bottom, found shape {blob.shape}")

    def share_of_data(self) -> tuple[int, int]:
        """Of how many solvers' records this one takes which: (rank, solvers).

        When testing everything is read, as in Caffe.
        """
        team = self.surroundings.team
        return (0, 1) if self.phase == caffe_pb2.TEST else (team.rank, team.size)

    def canonical_axis(self, axis: int, blob: Blob) -> int:
        """`axis` counted from the front (negative ones count from the end), checked."""
        axes = len(blob.shape)
        if not -axes <= axis < axes:
            raise self.error(f"axis {axis} is out of range for {axes} axes")
        return axis % axes if axes else axis


class FunctionLayer(Layer):
    """A layer that is one differentiable function of its bottoms and parameters.

    Subclasses give `function`; its gradients are PyTorch's. For layers that are not worth a
    backward pass written by hand.
    """

    def function(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The tops from the bottoms' data, followed by the parameters'."""
        raise NotImplementedError

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run `function` with gradients recorded."""
        with torch.enable_grad():
            self._inputs = [blob.data.detach() for blob in bottom]
            self._inputs += [blob.data.detach() for blob in self.blobs]
            for values in self._inputs:
                values.requires_grad_(True)
            results = self.function(*self._inputs)
        self._outputs = results if isinstance(results, tuple) else (results,)
        for blob, values in zip(top, self._outputs):
            blob.data = values.detach()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients by PyTorch's automatic differentiation."""
        wanted = [
            index
            for index in range(len(self._inputs))
            if index >= len(bottom) or propagate_down[index]
        ]
        pairs = [(o, blob.diff) for o, blob in zip(self._outputs, top) if o.requires_grad]
        if not wanted or not pairs:
            return
        gradients = torch.autograd.grad(
            [output for output, _ in pairs],
            [self._inputs[index] for index in wanted],
            [diff.reshape(output.shape) for output, diff in pairs],
            allow_unused=True,
            retain_graph=True,
        )
        for index, gradient in zip(wanted, gradients):
            if gradient is None:
                gradient = torch.zeros_like(self._inputs[index])
            if index < len(bottom):
                bottom[index].diff = gradient
            else:
                self.blobs[index - len(bottom)].add_diff(gradient)
