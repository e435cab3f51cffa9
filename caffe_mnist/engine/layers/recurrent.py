"""What RNN and LSTM have in common: sequences in time, with marks of where one goes on.

Bottoms: x (T × N × …), continuation marks δ (T × N; 0 where a new sequence begins, else 1), with
three bottoms a static input (N × …) for all steps; with `expose_hidden` the state to begin with
(1 × N × D each). Tops: T × N × D; with `expose_hidden` the last state. Otherwise a forward pass
begins in the state in which the last one ended. As in Caffe, gradients stay within the pass:
none goes to the state to begin with, and none comes from the last state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, Surroundings
from caffe_mnist.schema import caffe_pb2


class Recurrent(Layer):
    """Subclasses give the steps; `states` is the number of state blobs, `gates` the sums a unit.

    Parameters: input weights (gates D × inputs) and bias, with a static input its weights
    (gates D × inputs), then those of the subclass.
    """

    states = 1
    gates = 1
    repeats = False

    def __init__(self, param: caffe_pb2.LayerParameter, surroundings: Surroundings) -> None:
        """The numbers of bottoms and tops depend on `expose_hidden`."""
        super().__init__(param, surroundings)
        self.exposed = self.states if param.recurrent_param.expose_hidden else 0
        self.bottoms = (2 + self.exposed, 3 + self.exposed)
        self.tops = (1 + self.exposed, 1 + self.exposed)
        self.last: list[Tensor] = []

    def recurrent_weights(self) -> list[tuple[int, ...]]:
        """The shapes of the subclass's own parameters; those of one axis are biases."""
        raise NotImplementedError

    def run(self, sums: Tensor, marks: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The outputs (T × N × D) and the last state (N × D each).

        `sums` is what the inputs add at each step (T × N × gates D), `marks` T × N × 1.
        """
        raise NotImplementedError

    def run_back(self, gradient: Tensor) -> Tensor:
        """The gradient of the sums from that of the outputs; adds the parameters'."""
        raise NotImplementedError

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the parameters."""
        self.outputs = self.param.recurrent_param.num_output
        if self.outputs < 1:
            raise self.error("needs a positive num_output")
        self._check(bottom)
        self.static = len(bottom) > 2 + self.exposed
        width = self.gates * self.outputs
        self.inputs = [prod(bottom[0].shape[2:])]
        shapes: list[tuple[int, ...]] = [(width, self.inputs[0]), (width,)]
        if self.static:
            self.inputs.append(prod(bottom[2].shape[1:]))
            shapes.append((width, self.inputs[1]))
        self.own = len(shapes)
        self.blobs += [self._filled(shape) for shape in (*shapes, *self.recurrent_weights())]
        # Caffe's net has layers of its own for each step, which share what the first step's
        # layers hold; each draws its start all the same.
        for _ in range(bottom[0].shape[0] - 1):
            for shape in self.recurrent_weights():
                self._filled(shape)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top is T × N × D; each exposed state 1 × N × D."""
        self._check(bottom)
        shapes = [prod(bottom[0].shape[2:])]
        shapes += [prod(bottom[2].shape[1:])] if self.static else []
        if shapes != self.inputs:
            raise self.error(f"has weights for {self.inputs} inputs a step, found {shapes}")
        steps, number = bottom[0].shape[:2]
        top[0].reshape((steps, number, self.outputs))
        for blob in top[1:]:
            blob.reshape((1, number, self.outputs))
        if not self.last or len(self.last[0]) != number:
            self.last = [
                torch.zeros(number, self.outputs, device=self.device) for _ in range(self.states)
            ]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """What the inputs add at all steps at once, then the steps."""
        steps, number = bottom[0].shape[:2]
        x = bottom[0].data.reshape(steps * number, -1)
        sums = torch.addmm(self.blobs[1].data, x, self.blobs[0].data.t())
        sums = sums.view(steps, number, -1)
        if self.static:
            sums += bottom[2].data.reshape(number, -1) @ self.blobs[2].data.t()
        exposed = bottom[len(bottom) - self.exposed :]
        start = [blob.data[0] for blob in exposed] or self.last
        top[0].data, self.last = self.run(sums, bottom[1].data.unsqueeze(2), start)
        for blob, values in zip(top[1:], self.last):
            blob.data = values.unsqueeze(0)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients through all steps, of the inputs and the parameters.

        Also of parameters with an lr_mult of 0, as in Caffe (`clip_gradients` counts them).
        """
        if propagate_down[1]:
            raise self.error("cannot propagate to the continuation marks")
        d_sums = self.run_back(top[0].diff)
        steps, number = bottom[0].shape[:2]
        flat = d_sums.view(steps * number, -1)
        self.blobs[0].add_diff(flat.t() @ bottom[0].data.reshape(steps * number, -1))
        self.blobs[1].add_diff(flat.sum(0))
        bottom[0].diff = (flat @ self.blobs[0].data).view(bottom[0].shape)
        if self.static:
            total = d_sums.sum(0)
            self.blobs[2].add_diff(total.t() @ bottom[2].data.reshape(number, -1))
            bottom[2].diff = (total @ self.blobs[2].data).view(bottom[2].shape)

    def state(self) -> dict[str, Any]:
        """The state in which the last pass ended, where the next one begins in it."""
        return {} if self.exposed else {"last": [values.cpu().numpy() for values in self.last]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Begin in the state in which the pass before ended."""
        found = [torch.tensor(values, dtype=torch.float32) for values in state.get("last", ())]
        if [one.shape for one in found] != [one.shape for one in self.last][: len(found)]:
            raise ValueError("states of another shape")
        if found:
            self.last = [values.to(self.device) for values in found]

    def allows_force_backward(self, index: int) -> bool:
        """The marks have no gradient."""
        return index != 1

    def _filled(self, shape: tuple[int, ...]) -> Parameter:
        param = self.param.recurrent_param
        parameter = Parameter(shape, self.device)
        filler = param.weight_filler if len(shape) > 1 else param.bias_filler
        fill(parameter, filler, self.surroundings.generator, f"layer {self.name!r}")
        return parameter

    def _check(self, bottom: Sequence[Blob]) -> None:
        shape, marks = bottom[0].shape, bottom[1].shape
        if len(shape) < 3:
            raise self.error(f"needs a bottom of steps × sequences × values, found shape {shape}")
        if 0 in shape[:2]:
            raise self.error(f"needs a step and a sequence at least, found shape {shape}")
        if marks != shape[:2]:
            raise self.error(f"needs continuation marks of shape {shape[:2]}, found {marks}")
        exposed = bottom[len(bottom) - self.exposed :]
        for blob in bottom[2 : len(bottom) - self.exposed]:
            if blob.shape[:1] != shape[1:2]:
                raise self.error(
                    f"needs a static input for each of {shape[1]} sequences, found {blob.shape}"
                )
        for blob in exposed:
            if blob.shape != (1, shape[1], self.param.recurrent_param.num_output):
                raise self.error(
                    f"needs a state of shape 1 × {shape[1]} × "
                    f"{self.param.recurrent_param.num_output}, found {blob.shape}"
                )
