"""Layers that hand blobs on: Split, Concat, Flatten, Eltwise."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.precision import Part
from caffe_mnist.schema import caffe_pb2


@layers.register("Split")
class Split(Layer):
    """One bottom for several readers; gradients are added."""

    tops = (1, None)
    part = Part.EITHER

    def hands_on(self) -> bool:
        """All its tops."""
        return True

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The tops are the bottom itself."""
        for blob in top:
            blob.data = bottom[0].data

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The sum of the tops' gradients."""
        if not propagate_down[0]:
            return
        total = top[0].diff
        for blob in top[1:]:
            total = total + blob.diff
        bottom[0].diff = total


@layers.register("Concat")
class Concat(Layer):
    """Bottoms one after the other along `axis`."""

    bottoms = (1, None)
    part = Part.EITHER

    def hands_on(self) -> bool:
        """A bottom that has nothing to be joined with."""
        return len(self.param.bottom) == 1

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the axis (`concat_dim` is its old name)."""
        param = self.param.concat_param
        if param.HasField("axis") and param.HasField("concat_dim"):
            raise self.error("gives both axis and concat_dim")
        axis = param.concat_dim if param.HasField("concat_dim") else param.axis
        self.axis = self.canonical_axis(axis, bottom[0])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """All other axes must agree."""
        first, axis = bottom[0].shape, self.axis
        for blob in bottom:
            same = len(blob.shape) == len(first)
            if not same or (*blob.shape[:axis], *blob.shape[axis + 1 :]) != (
                *first[:axis],
                *first[axis + 1 :],
            ):
                raise self.error(f"cannot join shapes {first} and {blob.shape} along axis {axis}")
        size = sum(blob.shape[axis] for blob in bottom)
        top[0].reshape((*first[:axis], size, *first[axis + 1 :]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Join."""
        top[0].data = torch.cat([blob.data for blob in bottom], self.axis)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Each bottom's part of the gradient."""
        parts = torch.split(top[0].diff, [blob.shape[self.axis] for blob in bottom], self.axis)
        for blob, part, down in zip(bottom, parts, propagate_down):
            if down:
                blob.diff = part


class Reshaping(Layer):
    """The bottom in another shape, which `reshape` gives the top."""

    part = Part.EITHER
    always_propagates = True

    def hands_on(self) -> bool:
        """Its top."""
        return True

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The same values in another shape."""
        top[0].data = bottom[0].data.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The same gradient in the bottom's shape."""
        if propagate_down[0]:
            bottom[0].diff = top[0].diff.reshape(bottom[0].shape)


@layers.register("Flatten")
class Flatten(Reshaping):
    """The axes from `axis` to `end_axis` as one; `end_axis` one before `axis` adds an axis of 1."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Join the axes."""
        param, shape = self.param.flatten_param, bottom[0].shape
        start = self.canonical_axis(param.axis, bottom[0])
        end = self.canonical_axis(param.end_axis, bottom[0])
        if end < start - 1:
            raise self.error(f"end_axis {end} lies before axis {start}")
        top[0].reshape((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@layers.register("Eltwise")
class Eltwise(Layer):
    """PROD, SUM (with coefficients) or MAX of bottoms of one shape."""

    bottoms = (2, None)
    part = Part.EITHER

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the operation and its coefficients."""
        param = self.param.eltwise_param
        self.operation = param.operation
        if param.coeff and self.operation != caffe_pb2.EltwiseParameter.SUM:
            raise self.error("takes coefficients only for SUM")
        if param.coeff and len(param.coeff) != len(bottom):
            raise self.error(f"has {len(param.coeff)} coefficients for {len(bottom)} bottoms")
        self.coefficients = list(param.coeff) or [1.0] * len(bottom)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """All bottoms must have one shape."""
        for blob in bottom:
            if blob.shape != bottom[0].shape:
                raise self.error(f"needs one shape, found {bottom[0].shape} and {blob.shape}")
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Combine the bottoms."""
        kinds = caffe_pb2.EltwiseParameter
        values = [blob.data for blob in bottom]
        if self.operation == kinds.PROD:
            result = values[0] * values[1]
            for value in values[2:]:
                result.mul_(value)
        elif self.operation == kinds.SUM:
            first = self.coefficients[0]
            result = values[0] * first if first != 1 else values[0].clone()
            for value, coefficient in zip(values[1:], self.coefficients[1:]):
                result.add_(value, alpha=coefficient)
        else:
            result, self.winner = _largest(values)
        top[0].data = result

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """By the product of the others, by the coefficients, or to the largest."""
        kinds, dy = caffe_pb2.EltwiseParameter, top[0].diff
        for index, (blob, down) in enumerate(zip(bottom, propagate_down)):
            if not down:
                continue
            if self.operation == kinds.PROD:
                blob.diff = dy * self._others(index, top[0], bottom)
            elif self.operation == kinds.SUM:
                blob.diff = dy * self.coefficients[index]
            else:
                blob.diff = torch.where(self.winner == index, dy, 0.0)

    def _others(self, index: int, top: Blob, bottom: Sequence[Blob]) -> torch.Tensor:
        """The product of the other bottoms; without `stable_prod_grad`, by division."""
        if not self.param.eltwise_param.stable_prod_grad:
            return top.data / bottom[index].data
        others = [blob.data for k, blob in enumerate(bottom) if k != index]
        return others[0] if len(others) == 1 else torch.stack(others).prod(0)


def _largest(values: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest of each place and whose it is.

    Of equals it is the second's before the first's, and theirs before those of all others: Caffe
    asks whether the first is larger than the second, then whether one more is larger than these.
    """
    ahead = values[0] > values[1]
    result, winner = torch.where(ahead, values[0], values[1]), torch.where(ahead, 0, 1)
    for index, value in enumerate(values[2:], 2):
        ahead = value > result
        result, winner = torch.where(ahead, value, result), torch.where(ahead, index, winner)
    return result, winner
