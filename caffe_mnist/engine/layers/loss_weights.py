"""What positions count in a loss: a third bottom, and weights of classes. Caffe has neither.

A third bottom holds a weight for each position that the loss is summed over (a pixel, an
element), or one for each item of the batch; shapes with ones broadcast. Weights of classes are
`loss_param { class_weighting: 0.5 class_weighting: 2 }`, one a class, the field of SegNet's
fork (there beside `weight_by_label_freqs: true`, which may stand here; false turns them off).
Both multiply; what the loss is divided by stays what it is without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer
from caffe_mnist.schema import forks


def check_weights(layer: Layer, bottom: Sequence[Blob], shape: Sequence[int]) -> None:
    """Raise CaffeMnistError unless a third bottom fits positions of `shape`."""
    if len(bottom) > 2 and _fitted(bottom[2].shape, shape) is None:
        raise layer.error(
            f"has weights of shape {bottom[2].shape} for positions of shape {tuple(shape)}",
            hint="one for each position, or one for each item of the batch",
        )


def position_weights(bottom: Sequence[Blob], shape: Sequence[int]) -> Tensor | None:
    """The weights of a third bottom, broadcast to `shape`; None without one."""
    if len(bottom) < 3:
        return None
    fitted = _fitted(bottom[2].shape, shape)
    assert fitted is not None
    return bottom[2].data.reshape(fitted).expand(tuple(shape))


def class_weights(layer: Layer, classes: int) -> Tensor | None:
    """The weight of each class, on the layer's device; None where the net gives none.

    Raises CaffeMnistError for another number of them, and for weights below 0.
    """
    param = forks.settings(layer.param.loss_param, "segnet")
    given = list(param.class_weighting)
    if not given or (param.HasField("weight_by_label_freqs") and not param.weight_by_label_freqs):
        return None
    if len(given) != classes:
        raise layer.error(f"gives {len(given)} class_weighting for {classes} classes")
    if not all(0 <= weight < inf for weight in given):
        raise layer.error("gives a class_weighting that is no number of 0 or more")
    return torch.tensor(given, device=layer.device)


def check_wanted(layer: Layer, propagate_down: Sequence[bool], second: str) -> None:
    """Raise CaffeMnistError where labels or weights are to get a gradient."""
    for index, name in enumerate((second, "weights"), 1):
        if index < len(propagate_down) and propagate_down[index]:
            raise layer.error(f"cannot propagate to the {name}")


def _fitted(given: Sequence[int], shape: Sequence[int]) -> tuple[int, ...] | None:
    """The shape in which the weights broadcast to `shape`; None if they do not."""
    if prod(given) == prod(shape):
        return tuple(shape)
    if prod(given) == (shape[0] if shape else 1):
        return (*shape[:1], *[1] * (len(shape) - 1))
    if len(given) == len(shape) and all(one in (1, size) for one, size in zip(given, shape)):
        return tuple(given)
    return None
