"""InnerProduct: y = x Wᵀ + b, with the bottom's axes from `axis` on as one.

Shapes: bottom M × K (flattened), weights N × K (`transpose`: K × N), bias N, top M × N.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.precision import Part


@layers.register("InnerProduct")
class InnerProduct(Layer):
    """Options: num_output, bias_term, axis, transpose, fillers."""

    part = Part.HEAVY

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate weights (N × K) and bias (N)."""
        param = self.param.inner_product_param
        self.outputs, self.bias, self.transpose = param.num_output, param.bias_term, param.transpose
        if self.outputs < 1:
            raise self.error("needs a positive num_output")
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.inputs = prod(bottom[0].shape[self.axis :])
        shape = (self.outputs, self.inputs)
        self.blobs.append(Parameter(shape[::-1] if self.transpose else shape, self.device))
        where, generator = f"layer {self.name!r}", self.surroundings.generator
        fill(self.blobs[0], param.weight_filler, generator, where)
        if self.bias:
            self.blobs.append(Parameter((self.outputs,), self.device))
            fill(self.blobs[1], param.bias_filler, generator, where)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The top keeps the axes before `axis` and ends in `num_output`."""
        inputs = prod(bottom[0].shape[self.axis :])
        if inputs != self.inputs:
            raise self.error(f"has weights for {self.inputs} inputs, the bottom gives {inputs}")
        self.rows = prod(bottom[0].shape[: self.axis])
        top[0].reshape((*bottom[0].shape[: self.axis], self.outputs))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One matrix product."""
        x = bottom[0].data.reshape(self.rows, self.inputs)
        weights = self.blobs[0].data.to(x.dtype)
        weights = weights if self.transpose else weights.t()
        y = torch.addmm(self.blobs[1].data.to(x.dtype), x, weights) if self.bias else x @ weights
        top[0].data = y.view(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients of weights, bias and bottom."""
        gradient = top[0].diff.reshape(self.rows, self.outputs)
        x = bottom[0].data.reshape(self.rows, self.inputs)
        if self.learns[0]:
            self.blobs[0].add_diff(x.t() @ gradient if self.transpose else gradient.t() @ x)
        if self.bias and self.learns[1]:
            self.blobs[1].add_diff(gradient.sum(0))
        if propagate_down[0]:
            weights = self.blobs[0].data.to(gradient.dtype)
            dx = gradient @ (weights.t() if self.transpose else weights)
            bottom[0].diff = dx.view(bottom[0].shape)
