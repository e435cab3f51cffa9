"""Scores of classes along one axis, and a label for each position outside that axis."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer


class ClassAxis(NamedTuple):
    """Scores as `outer` × `classes` × `inner`, the classes lying along `axis`."""

    axis: int
    outer: int
    classes: int
    inner: int


def class_axis(layer: Layer, axis: int, scores: Blob, labels: Blob) -> ClassAxis:
    """Where the classes lie; raises CaffeMnistError unless there is a label for each position.

    `axis` may count from the end. Only the number of labels matters, as in Caffe, not their shape.
    """
    shape = scores.shape
    axis = layer.canonical_axis(axis, scores)
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
    if outer * inner != labels.count:
        raise layer.error(
            f"needs {outer * inner} labels for scores of shape {shape} "
            f"with classes along axis {axis}, found {labels.count}"
        )
    return ClassAxis(axis, outer, shape[axis], inner)
