"""Which axes of a net's blobs grow with the batch: seen by giving the net a batch twice as big."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.graph import Sizes

Shape = tuple[int, ...]
Shapes = list[tuple[list[Shape], list[Shape]]]


@dataclass(frozen=True)
class Layout:
    """For each layer the sizes of its bottoms and tops; `axis` of every input is the batch.

    With `axis` None, all sizes are fixed; `reason` says why the batch could not be left open.
    """

    axis: int | None
    layers: list[tuple[list[Sizes], list[Sizes]]]
    reason: str = ""


def layouts(net: Net, fixed: bool) -> list[Layout]:
    """What may be left open, best first: the inputs' first axis, their second one, nothing."""
    known, reason = shapes(net), ""
    found = []
    for axis in () if fixed or not net.inputs else (0, 1):
        bigger = _grown(net, axis)
        if isinstance(bigger, str):
            reason = reason or bigger
            continue
        pairs = [(_both(a, c), _both(b, d)) for (a, b), (c, d) in zip(known, bigger)]
        found.append(Layout(axis, pairs))
    found.append(Layout(None, [(list(a), list(b)) for a, b in known], reason))
    return found


def shapes(net: Net) -> Shapes:
    """The shapes of all layers' bottoms and tops as they are now."""
    return [
        ([blob.shape for blob in bottom], [blob.shape for blob in top])
        for bottom, top in zip(net.bottoms, net.tops)
    ]


def give_batch(net: Net, axis: int, sizes: Sequence[int]) -> None:
    """Give each input its size along `axis` and every blob its shape; raises as layers do."""
    for name, size in zip(net.inputs, sizes):
        shape = net.blobs[name].shape
        if axis < len(shape):
            net.blobs[name].reshape((*shape[:axis], size, *shape[axis + 1 :]))
    net.reshape()


def batches(net: Net, axis: int) -> list[int]:
    """The inputs' sizes along `axis` (1 where they do not have it)."""
    every = [net.blobs[name].shape for name in net.inputs]
    return [shape[axis] if axis < len(shape) else 1 for shape in every]


def _grown(net: Net, axis: int) -> Shapes | str:
    """The shapes with every input twice as long, or why a layer does not take that."""
    before = batches(net, axis)
    if not any(axis < len(net.blobs[name].shape) for name in net.inputs):
        return ""
    try:
        give_batch(net, axis, [2 * size for size in before])
        return shapes(net)
    except CaffeMnistError as error:
        return str(error)
    finally:
        give_batch(net, axis, before)


def _both(here: list[Shape], there: list[Shape]) -> list[Sizes]:
    return [
        tuple(a if a == b else None for a, b in zip(one, other)) for one, other in zip(here, there)
    ]
