"""A net: layers wired by the names of their blobs, run forward and backward.

Semantics follow Caffe 1.0: layers are chosen by phase, level and stage; blobs that several
layers read are split; a layer works backward when one of its parameters learns or one of its
bottoms needs a gradient, and only under a loss; parameters of one name are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import torch

from caffe_mnist.engine import debug_info
from caffe_mnist.engine.blob import Blob, ShapeError
from caffe_mnist.engine.crossings import Crossings
from caffe_mnist.engine.glog import number
from caffe_mnist.engine.layer import Layer, Surroundings, layers
from caffe_mnist.engine.memories import Memories
from caffe_mnist.engine.parameters import LearnableParameters
from caffe_mnist.engine.splits import insert_splits
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.fork_text import shown
from caffe_mnist.schema.upgrade import upgrade_net

Report = Callable[[str, str], None]
# What comes from outside in one forward pass, by the number of the layer.
Given = dict[int, list[torch.Tensor]]


class Watch:
    """Told of every layer's passes, by the layer's number; subclasses say what to do then."""

    def before_forward(self, index: int) -> None:
        """The layer is about to run."""

    def after_forward(self, index: int) -> None:
        """The layer has run."""

    def before_backward(self, index: int) -> None:
        """The layer's turn has come on the way back, whether it works backward or not."""

    def after_backward(self, index: int) -> None:
        """Its turn is over."""


class Net:
    """The layers of one phase, ready to run.

    `blobs` holds every blob by name in order of first appearance, `layers` the layers with
    `bottoms[i]` and `tops[i]` their blobs, `inputs` and `outputs` the names of the blobs that
    no layer makes or reads, `parameters` what is learnt. With `debug_info`, passes are logged.
    """

    def __init__(
        self,
        param: caffe_pb2.NetParameter,
        surroundings: Surroundings | None = None,
        report: Report | None = None,
    ) -> None:
        """Build the net of `param`; its own `state` is used with the surroundings' phase.

        `report` receives Caffe's log lines on how the net is wired, each with the place in
        Caffe's sources that parsers know it by. Raises CaffeMnistError naming the layer for
        every fault.
        """
        self.surroundings = surroundings or Surroundings()
        self._report = report or (lambda place, line: None)
        self.watch = Watch()
        self.given: Given = {}
        self._count = 0
        precision = self.surroundings.precision
        self._crossings = Crossings(precision) if precision.mixed else None
        stated = caffe_pb2.NetParameter()
        stated.CopyFrom(upgrade_net(param, report=self._report_old))
        stated.state.CopyFrom(param.state)  # which nets of V0 layers did not have
        stated.state.phase = self.surroundings.phase  # type: ignore[assignment]
        filtered = filter_net(stated, self._report)
        if report is not None:
            report("net.cpp:53", f"Initializing net from parameters: \n{shown(filtered)}")
        self.param = insert_splits(filtered)
        self.name = self.param.name
        self.phase = self.surroundings.phase
        self.debug_info = self.param.debug_info
        self.blobs: dict[str, Blob] = {}
        self.layers: list[Layer] = []
        self.bottoms: list[list[Blob]] = []
        self.tops: list[list[Blob]] = []
        self.bottom_names: list[list[str]] = []
        self.top_names: list[list[str]] = []
        self.loss_weights: list[list[float]] = []
        self.blob_loss_weights: dict[str, float] = {}
        self.parameters = LearnableParameters()
        self.propagate_down: list[list[bool]] = []
        self._shapes: list[tuple[tuple[int, ...], ...]] = []
        self._memories = Memories()
        self._with_gradient: set[str] = set()
        self._works_backward: list[bool] = []
        unread: set[str] = set()
        for layer_param in self.param.layer:
            self._append(layer_param, unread)
        self._drop_what_leads_to_no_loss()
        self._propagate_always()
        self._report_backward()
        self._force_backward()
        self.outputs = sorted(unread)
        self.inputs = [
            name
            for layer, names in zip(self.layers, self.top_names)
            if layer.param.type == "Input"
            for name in names
        ]
        for name in self.outputs:
            self._report("net.cpp:244", f"This network produces output {name}")
        self._report("net.cpp:257", "Network initialization done.")

    @property
    def layer_names(self) -> list[str]:
        """The layers' names in order."""
        return [layer.name for layer in self.layers]

    def forward(self, start: int = 0, end: int | None = None) -> torch.Tensor:
        """Run layers `start` to `end` (inclusive; the last one by default).

        Returns the weighted sum of the losses as a tensor without axes, on the net's device.
        """
        last = len(self.layers) - 1 if end is None else end
        loss: torch.Tensor | None = None
        with torch.no_grad():
            for index in range(start, last + 1):
                self.watch.before_forward(index)
                part = self._forward_layer(index)
                if self.debug_info:
                    debug_info.after_forward(self, index)
                self.watch.after_forward(index)
                if part is not None:
                    loss = part if loss is None else loss + part
        return torch.zeros((), device=self.surroundings.device) if loss is None else loss

    def draw(self) -> Given:
        """What the next forward pass takes from outside; in `given` it is used for that."""
        found: Given = {}
        for index, layer in enumerate(self.layers):
            values = layer.draw(self.bottoms[index], self.tops[index])
            if values is not None:
                found[index] = values
        return found

    def backward(self, start: int | None = None, end: int = 0) -> None:
        """Run the layers from `start` (the last by default) back to `end` (inclusive)."""
        first = len(self.layers) - 1 if start is None else start
        with torch.no_grad():
            for index in range(first, end - 1, -1):
                self.watch.before_backward(index)
                if self._works_backward[index]:
                    self._backward_layer(index)
                    if self.debug_info:
                        debug_info.after_backward(self, index)
                self.watch.after_backward(index)
            if self.debug_info and start is None and not end:
                debug_info.after_all(self)

    def reshape(self) -> None:
        """Give every blob its shape again, after an input's was changed."""
        for layer, bottom, top in zip(self.layers, self.bottoms, self.tops):
            layer.reshape(bottom, top)

    def share_parameters(self, other: Net) -> None:
        """Use the values of the parameters of the layers of the same names in `other`.

        A test net does so before each test; gradients stay apart. Raises CaffeMnistError when a
        layer has other parameters, or of other shapes, there.
        """
        theirs = {layer.name: layer for layer in other.layers}
        known = set(self.layer_names)
        for name in theirs:
            if name not in known:
                self._report("net.cpp:678", f"Ignoring source layer {name}")
        for layer in self.layers:
            if layer.name not in theirs:
                continue
            source = theirs[layer.name]
            if [blob.shape for blob in source.blobs] != [blob.shape for blob in layer.blobs]:
                raise layer.error("cannot share parameters of other numbers or shapes")
            for ours, blob in zip(layer.blobs, source.blobs):
                if ours is not blob:
                    ours.share_data(blob)

    def skip_to(self, passes: int, taken: int | None = None) -> None:
        """Go on as if `passes` forward passes had been made.

        All solvers together made `taken`; by default each as many.
        """
        taken = passes * self.surroundings.team.size if taken is None else taken
        for layer in self.layers:
            layer.skip_to(passes, taken)

    def close(self) -> None:
        """Let the layers go of threads and files."""
        for layer in self.layers:
            layer.close()

    def _backward_layer(self, index: int) -> None:
        layer, bottom, top = self.layers[index], self.bottoms[index], self.tops[index]
        down, crossings = self.propagate_down[index], self._crossings
        try:
            if crossings is None:
                layer.backward(top, down, bottom)
                return
            given = crossings.before_backward(index, layer, bottom, top)
            layer.backward(top, down, given)
            crossings.after_backward(given, bottom, down)
        except (ShapeError, MemoryError, RuntimeError) as error:
            raise layer.explained(error) from None

    def _forward_layer(self, index: int) -> torch.Tensor | None:
        layer, bottom, top = self.layers[index], self.bottoms[index], self.tops[index]
        shapes = tuple([blob.shape for blob in bottom])
        try:
            if shapes != self._shapes[index]:
                layer.reshape(bottom, top)
                self._shapes[index] = shapes
            if self._crossings is not None:
                bottom = self._crossings.bottoms(index, layer, bottom, top)
            if index in self.given:
                layer.forward_with(self.given[index], bottom, top)
            else:
                layer.forward(bottom, top)
        except (ShapeError, MemoryError, RuntimeError) as error:
            raise layer.explained(error) from None
        self._memories.follow(index)
        loss: torch.Tensor | None = None
        for blob, weight in zip(top, self.loss_weights[index]):
            if weight:
                if not blob.has_diff:
                    blob.diff = torch.full_like(blob.data, weight)
                part = (blob.data * blob.diff).sum()
                loss = part if loss is None else loss + part
        return loss

    def _append(self, param: caffe_pb2.LayerParameter, unread: set[str]) -> None:
        where = f"layer {param.name!r}"
        if not param.HasField("phase"):
            param.phase = self.phase  # type: ignore[assignment]
        self._report("layer_factory.hpp:77", f"Creating layer {param.name}")
        kind = layers.get(param.type, where=where)
        self._report("net.cpp:86", f"Creating Layer {param.name}")
        layer = kind(param, replace(self.surroundings, phase=param.phase))
        layer.check_counts()
        bottom = self._bottoms_of(param, unread)
        top, names = self._tops_of(layer, bottom, unread)
        learns = [spec.lr_mult != 0 for spec in param.param]
        index = len(self.layers)
        try:
            layer.setup(bottom, top)
            layer.learns = (learns + [True] * len(layer.blobs))[: len(layer.blobs)]
            layer.reshape(bottom, top)
            self._add(layer, bottom, top, names)
        except (ShapeError, MemoryError, RuntimeError) as error:
            raise layer.explained(error) from None
        self.parameters.append(layer, self._report)
        self._mark(index)

    def _add(self, layer: Layer, bottom: list[Blob], top: list[Blob], names: list[str]) -> None:
        """Keep a layer that is set up, with its blobs and what its tops weigh."""
        self.layers.append(layer)
        self.bottoms.append(bottom)
        self.tops.append(top)
        self.bottom_names.append(list(layer.param.bottom))
        self.top_names.append(names)
        self._shapes.append(tuple([blob.shape for blob in bottom]))
        self._memories.note(len(self.layers) - 1, layer, bottom, top)
        self.loss_weights.append(_loss_weights(layer, top))
        self._report_shapes(len(self.layers) - 1)

    def _bottoms_of(self, param: caffe_pb2.LayerParameter, unread: set[str]) -> list[Blob]:
        for name in param.bottom:
            self._report("net.cpp:408", f"{param.name} <- {name}")
            unread.discard(name)
        return [self.blobs[name] for name in param.bottom]

    def _tops_of(
        self, layer: Layer, bottom: list[Blob], unread: set[str]
    ) -> tuple[list[Blob], list[str]]:
        names = list(layer.param.top)
        if layer.auto_tops:
            missing = max(layer.tops[0] - len(names), 0)
            names += ["(automatic)"] * missing
        top = []
        for index, name in enumerate(names):
            if index >= len(layer.param.top):
                top.append(Blob(device=self.surroundings.device))
                continue
            if index < len(bottom) and layer.param.bottom[index] == name:
                if not layer.in_place:
                    raise layer.error(f"cannot work in place (top {name!r} is its bottom too)")
                self._report("net.cpp:369", f"{layer.name} -> {name} (in-place)")
                top.append(bottom[index])
            elif name in self.blobs:
                raise layer.error(f"top blob {name!r} is made by several layers")
            else:
                self._report("net.cpp:382", f"{layer.name} -> {name}")
                top.append(Blob(device=self.surroundings.device))
                self.blobs[name] = top[-1]
            unread.add(name)
        return top, names

    def _report_shapes(self, index: int) -> None:
        names = self.top_names[index]
        self._report("net.cpp:124", f"Setting up {self.layers[index].name}")
        for k, (blob, weight) in enumerate(zip(self.tops[index], self.loss_weights[index])):
            shape = "".join(f"{size} " for size in blob.shape)
            self._report("net.cpp:131", f"Top shape: {shape}({blob.count})")
            self._count += prod(blob.shape)
            if weight:
                self._report("net.cpp:134", f"    with loss weight {number(weight)}")
                self.blob_loss_weights[names[k]] = weight
                blob.diff = torch.full(blob.shape, weight, device=self.surroundings.device)
        self._report("net.cpp:139", f"Memory required for data: {4 * self._count}")

    def _report_old(self, fault: str) -> None:
        self._report("upgrade_proto.cpp:26", f"Problem upgrading an old net: {fault}")

    def _report_backward(self) -> None:
        for layer, works in zip(reversed(self.layers), reversed(self._works_backward)):
            verb, place = ("needs", "net.cpp:200") if works else ("does not need", "net.cpp:202")
            self._report(place, f"{layer.name} {verb} backward computation.")

    def _mark(self, index: int) -> None:
        """Note which bottoms of layer `index` need gradients, and whether it works backward."""
        layer, asked = self.layers[index], self.layers[index].param.propagate_down
        if asked and len(asked) != len(self.bottoms[index]):
            raise layer.error("propagate_down must be given for every bottom or for none")
        needed = [
            asked[k] if asked else name in self._with_gradient
            for k, name in enumerate(self.bottom_names[index])
        ]
        self.propagate_down.append(needed)
        below = not self._with_gradient.isdisjoint(self.bottom_names[index])
        self._works_backward.append(below or any(layer.learns))
        for name in self.top_names[index]:
            if self._works_backward[index]:
                self._with_gradient.add(name)
            else:
                self._with_gradient.discard(name)

    def _drop_what_leads_to_no_loss(self) -> None:
        """From the last layer back: no gradients where no loss follows."""
        under_loss: set[str] = set()
        skipped: set[str] = set()
        for index in range(len(self.layers) - 1, -1, -1):
            names, needed = self.top_names[index], self.propagate_down[index]
            weighted = any(self.loss_weights[index])
            contributes = weighted or not under_loss.isdisjoint(names)
            if not contributes or skipped.issuperset(names):
                self._works_backward[index] = False
                needed[:] = [False] * len(needed)
            if contributes:
                under_loss.update(self.bottom_names[index])
            for name, wanted in zip(self.bottom_names[index], needed):
                if not wanted:
                    skipped.add(name)

    def _propagate_always(self) -> None:
        """Where the net says `propagate_down: false` to a layer that does not listen in Caffe."""
        for index, layer in enumerate(self.layers):
            asked = layer.param.propagate_down
            if layer.always_propagates and self._works_backward[index] and asked:
                self.propagate_down[index] = [True] * len(asked)

    def _force_backward(self) -> None:
        """With `force_backward`, every bottom that allows it gets a gradient."""
        if not self.param.force_backward:
            return
        for index, layer in enumerate(self.layers):
            self._works_backward[index] = True
            layer.learns = [True] * len(layer.learns)
            self.propagate_down[index] = [
                wanted or layer.allows_force_backward(k)
                for k, wanted in enumerate(self.propagate_down[index])
            ]


def _loss_weights(layer: Layer, top: list[Blob]) -> list[float]:
    """A weight for each top; a loss layer's first one weighs 1 unless the net says otherwise."""
    weights = layer.param.loss_weight
    least = 1 if layer.weighs_first_alone else len(top)
    if weights and not least <= len(weights) <= len(top):
        raise layer.error(f"gives {len(weights)} loss_weight for {len(top)} top(s)")
    if not weights:
        if not layer.loss_layer:
            return [0.0] * len(top)
        weights.append(1.0)
    return [*weights, *[0.0] * (len(top) - len(weights))]
