"""Layers that choose rows: BatchReindex (by number), Filter (by a mark), Embed (of a table)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import Layer, layers


def _numbers(layer: Layer, blob: Blob, count: int, of: str) -> Tensor:
    """The blob's values as whole numbers below `count`; raises CaffeMnistError for others."""
    numbers = blob.data.flatten().to(torch.int64)
    if numbers.numel() and layer.looks():
        low, high = (int(bound) for bound in torch.aminmax(numbers))
        if low < 0 or high >= count:
            wrong = low if low < 0 else high
            raise layer.error(f"found index {wrong} for {count} {of} (0 to {count - 1})")
    return numbers


@layers.register("BatchReindex")
class BatchReindex(Layer):
    """The pictures of the first bottom (N × …) that the second (M numbers) names: M × …."""

    bottoms = (2, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many pictures as numbers."""
        if len(bottom[1].shape) != 1:
            raise self.error(f"needs indices with one axis, found shape {bottom[1].shape}")
        if not bottom[0].shape:
            raise self.error("needs a bottom with axes")
        top[0].reshape((*bottom[1].shape, *bottom[0].shape[1:]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy the pictures; one may be taken many times."""
        self.numbers = _numbers(self, bottom[1], bottom[0].shape[0], "pictures")
        top[0].data = bottom[0].data.index_select(0, self.numbers)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Each picture's gradient is the sum over its copies."""
        if propagate_down[1]:
            raise self.error("cannot propagate to its indices")
        if propagate_down[0]:
            zeros = torch.zeros(bottom[0].shape, device=self.device)
            bottom[0].diff = zeros.index_add_(0, self.numbers, top[0].diff)


@layers.register("Filter")
class Filter(Layer):
    """Of every bottom but the last, the pictures where the last (N or N × 1 …) is not 0.

    The tops' batch size is known after each forward pass only; it may be 0.
    """

    bottoms = (2, None)
    tops = (1, None)
    repeats = False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A top for each bottom but the last."""
        if len(top) != len(bottom) - 1:
            raise self.error(f"needs {len(bottom) - 1} top(s) for {len(bottom)} bottoms")
        self.started = False

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Whole batches at first, then as many pictures as are marked."""
        marks = bottom[-1].shape
        if not marks or any(size != 1 for size in marks[1:]):
            raise self.error(f"needs marks of shape N or N × 1 …, found {marks}")
        for blob in bottom[:-1]:
            if blob.shape[:1] != marks[:1]:
                raise self.error(f"has marks for {marks[0]} pictures, found shape {blob.shape}")
        count = int(bottom[-1].data.count_nonzero()) if self.started else marks[0]
        self.started = True
        for above, below in zip(top, bottom):
            above.reshape((count, *below.shape[1:]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy the marked pictures."""
        self.numbers = bottom[-1].data.flatten().nonzero().flatten()
        for above, below in zip(top, bottom):
            above.data = below.data.index_select(0, self.numbers)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The gradients of the marked pictures, 0 for the others."""
        if propagate_down[-1]:
            raise self.error("cannot propagate to its marks")
        for above, below, down in zip(top, bottom, propagate_down):
            if down:
                zeros = torch.zeros(below.shape, device=self.device)
                below.diff = zeros.index_copy_(0, self.numbers, above.diff)


@layers.register("Embed")
class Embed(Layer):
    """The rows of a learnt table that the bottom's numbers name, plus a learnt bias.

    Shapes: numbers of any shape, table input_dim × num_output, bias num_output; the top has an
    axis of num_output more than the bottom. Options: bias_term, fillers.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Allocate table and bias."""
        param = self.param.embed_param
        self.outputs, self.bias = param.num_output, param.bias_term
        if self.outputs < 1 or param.input_dim < 1:
            raise self.error("needs a positive num_output and a positive input_dim")
        where, generator = f"layer {self.name!r}", self.surroundings.generator
        self.blobs.append(Parameter((param.input_dim, self.outputs), self.device))
        fill(self.blobs[0], param.weight_filler, generator, where)
        if self.bias:
            self.blobs.append(Parameter((self.outputs,), self.device))
            fill(self.blobs[1], param.bias_filler, generator, where)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One more axis."""
        top[0].reshape((*bottom[0].shape, self.outputs))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Look the rows up."""
        self.numbers = _numbers(self, bottom[0], self.blobs[0].shape[0], "rows (input_dim)")
        rows = self.blobs[0].data.index_select(0, self.numbers)
        if self.bias:
            rows.add_(self.blobs[1].data)
        top[0].data = rows.view(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Each row's gradient is the sum over the places that named it."""
        if propagate_down[0]:
            raise self.error("cannot propagate to its indices")
        gradient = top[0].diff.reshape(-1, self.outputs)
        if self.learns[0]:
            table = torch.zeros(self.blobs[0].shape, device=self.device)
            self.blobs[0].add_diff(table.index_add_(0, self.numbers, gradient))
        if self.bias and self.learns[1]:
            self.blobs[1].add_diff(gradient.sum(0))
