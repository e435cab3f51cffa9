"""Scale and Bias: a factor or a summand along some axes, learnt or a second bottom.

The array has the shape of the first bottom's axes from `axis` on (`num_axes` of them, -1: all
that follow; 0: one number for all). Both may work in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers.span import Span, spanned_shape
from caffe_mnist.engine.precision import Part
from caffe_mnist.schema import caffe_pb2


@layers.register("Scale")
class Scale(Layer):
    """y = x s, or x s + b with `bias_term`. Options: axis, num_axes, filler, bias_filler.

    Without a second bottom, s is the first parameter (1 by default); b is the last one.
    """

    bottoms = (1, 2)
    in_place = True
    part = Part.EITHER

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate what is learnt."""
        param = self.param.scale_param
        if len(bottom) > 1 and not param.bias_term:
            return
        axes = len(bottom[1].shape) if len(bottom) > 1 else param.num_axes
        shape = spanned_shape(self, bottom[0], param.axis, axes)
        where, generator = f"layer {self.name!r}", self.surroundings.generator
        if len(bottom) == 1:
            ones = caffe_pb2.FillerParameter(type="constant", value=1)
            self.blobs.append(Parameter(shape, self.device))
            filler = param.filler if param.HasField("filler") else ones
            fill(self.blobs[0], filler, generator, where)
        if param.bias_term:
            self.blobs.append(Parameter(shape, self.device))
            fill(self.blobs[-1], param.bias_filler, generator, where)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that the factors' shape is found in the bottom's."""
        axis = self.param.scale_param.axis
        self.span = Span.of(self, bottom[0], self._factors(bottom).shape, axis)
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Keep x for the way back: it is lost where the layer works in place."""
        self.x = bottom[0].data
        factors = self.span.spread(self._factors(bottom).data).to(self.x.dtype)
        if self.param.scale_param.bias_term:
            summands = self.span.spread(self.blobs[-1].data).to(self.x.dtype)
            top[0].data = torch.addcmul(summands, self.x, factors)
        else:
            top[0].data = self.x * factors

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """db = Σ dy, ds = Σ dy x, dx = dy s."""
        dy = top[0].diff
        if self.param.scale_param.bias_term and self.learns[-1]:
            self.blobs[-1].add_diff(self.span.gather(dy))
        if len(bottom) == 1 and self.learns[0]:
            gradient = self.span.gather(dy * self.x)
            if self._written_over(bottom[0]):
                self.blobs[0].diff = gradient
            else:
                self.blobs[0].add_diff(gradient)
        elif len(bottom) > 1 and propagate_down[1]:
            bottom[1].diff = self.span.gather(dy * self.x)
        if propagate_down[0]:
            factors = self.span.spread(self._factors(bottom).data)
            bottom[0].diff = dy * factors.to(dy.dtype)

    def _factors(self, bottom: Sequence[Blob]) -> Blob:
        return bottom[1] if len(bottom) > 1 else self.blobs[0]

    def _written_over(self, bottom: Blob) -> bool:
        """Whether the factors' gradient takes the place of an earlier one, as in Caffe.

        There it is worked out in the parameter's own memory where nothing precedes the factors'
        axes (a batch of 1, or `axis: 0`): of several passes (`iter_size`) the last one counts.
        """
        factors = self.blobs[0].count
        before = prod(bottom.shape[: self.span.axis])
        return bottom.count == factors or (before == 1 and factors > 1)


@layers.register("Bias")
class Bias(Layer):
    """y = x + b. Options: axis, num_axes, filler (0 by default)."""

    bottoms = (1, 2)
    in_place = True
    part = Part.EITHER

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate the summands, unless they are the second bottom."""
        param = self.param.bias_param
        if len(bottom) == 1:
            shape = spanned_shape(self, bottom[0], param.axis, param.num_axes)
            self.blobs.append(Parameter(shape, self.device))
            where = f"layer {self.name!r}"
            fill(self.blobs[0], param.filler, self.surroundings.generator, where)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that the summands' shape is found in the bottom's."""
        axis = self.param.bias_param.axis
        self.span = Span.of(self, bottom[0], self._summands(bottom).shape, axis)
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add."""
        x = bottom[0].data
        top[0].data = x + self.span.spread(self._summands(bottom).data).to(x.dtype)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """db = Σ dy, dx = dy."""
        dy = top[0].diff
        if len(bottom) == 1 and self.learns[0]:
            self.blobs[0].add_diff(self.span.gather(dy))
        elif len(bottom) > 1 and propagate_down[1]:
            bottom[1].diff = self.span.gather(dy)
        if propagate_down[0]:
            bottom[0].diff = dy

    def _summands(self, bottom: Sequence[Blob]) -> Blob:
        return bottom[1] if len(bottom) > 1 else self.blobs[0]
