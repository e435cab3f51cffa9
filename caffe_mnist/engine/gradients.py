"""Gradients averaged over the solvers of a group while the backward pass still runs.

Parameters are put together into buckets in the order in which their gradients are complete, from
the last layer to the first; a bucket that is full is on its way while earlier layers compute.
Values travel in their logical order, whatever memory format each has here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from caffe_mnist.engine.net import Net, Watch
from caffe_mnist.engine.parameters import Learnable

# Bytes in a bucket: large enough for the network, small enough that the first leaves early.
BUCKET = 4 << 20


class Pending(Protocol):
    """An exchange under way."""

    def wait(self) -> object:
        """Until it is done."""


class Bucket:
    """Some parameters whose gradients travel together; `layer` is the last one to add to them."""

    def __init__(self, learnables: Sequence[Learnable], layer: int) -> None:
        self.parameters = [learnable.parameter for learnable in learnables]
        self.layer = layer
        self.pending: Pending | None = None
        first = self.parameters[0]
        count = sum(parameter.count for parameter in self.parameters)
        self.flat = torch.empty(count, device=first.device)
        self.pieces: list[torch.Tensor] = []
        start = 0
        for parameter in self.parameters:
            self.pieces.append(self.flat[start : start + parameter.count].view(parameter.shape))
            start += parameter.count

    def fill(self) -> torch.Tensor:
        """All gradients as one row of numbers."""
        for piece, parameter in zip(self.pieces, self.parameters):
            piece.copy_(parameter.diff)
        return self.flat

    def empty(self) -> None:
        """The numbers as the parameters' gradients."""
        for piece, parameter in zip(self.pieces, self.parameters):
            parameter.diff.copy_(piece)


class Averaging(Watch):
    """Sends each bucket as soon as the last pass has completed it; `finish` waits for all."""

    def __init__(
        self, net: Net, send: Callable[[torch.Tensor], Pending], size: int = BUCKET
    ) -> None:
        """`send` starts adding up a row of numbers over all solvers, in place."""
        self._send = send
        self.buckets = _buckets(net, size)
        self._passes = 0

    def begin(self, passes: int) -> None:
        """An iteration of so many backward passes; gradients leave in the last one."""
        self._passes = passes
        for bucket in self.buckets:
            bucket.pending = None

    def after_backward(self, index: int) -> None:
        """Send what is complete with this layer."""
        if self._passes == 1:
            for bucket in self.buckets:
                if bucket.layer >= index and bucket.pending is None:
                    bucket.pending = self._send(bucket.fill())
        if index == 0:
            self._passes -= 1

    def finish(self, solvers: int) -> None:
        """Wait until every gradient is the average over `solvers`."""
        for bucket in self.buckets:
            if bucket.pending is None:  # the passes were made without being watched
                bucket.pending = self._send(bucket.fill())
        for bucket in self.buckets:
            assert bucket.pending is not None
            bucket.pending.wait()
            bucket.flat.div_(solvers)
            bucket.empty()


def _buckets(net: Net, size: int) -> list[Bucket]:
    """Buckets of at least `size` bytes (the last one may have less), the last layers first.

    Parameters that never learn are left out.
    """
    first = _first_layers(net)
    learning = [one for one in net.parameters.learnables if one.lr_mult]
    learning.sort(key=lambda one: -first[id(one.parameter)])
    buckets: list[Bucket] = []
    waiting: list[Learnable] = []
    for learnable in learning:
        waiting.append(learnable)
        if sum(4 * one.parameter.count for one in waiting) >= size:
            buckets.append(Bucket(waiting, first[id(learnable.parameter)]))
            waiting = []
    if waiting:
        buckets.append(Bucket(waiting, first[id(waiting[-1].parameter)]))
    return buckets


def _first_layers(net: Net) -> dict[int, int]:
    """For each parameter the first layer that has it: the last to add to its gradient."""
    first: dict[int, int] = {}
    for index, layer in enumerate(net.layers):
        for blob in layer.blobs:
            owner = blob
            while owner.owner is not None:
                owner = owner.owner
            first.setdefault(id(owner), index)
    return first
