"""Weights that do not fit a net, in real Caffe's words, for every format of weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from caffe_mnist.errors import CaffeMnistError


def other_count(layer: str, source: int, target: int, where: object) -> CaffeMnistError:
    """The file `where` has another number of parameters for a layer than the net."""
    return CaffeMnistError(
        f"Incompatible number of blobs for layer {layer!r}: {source} in the file, "
        f"{target} in the net",
        where=where,
    )


def other_shape(
    layer: str, index: int, source: Sequence[int], target: Sequence[int], where: object
) -> CaffeMnistError:
    """The file `where` has another shape for a parameter than the net."""
    return CaffeMnistError(
        f"Cannot copy param {index} weights from layer {layer!r}; shape mismatch. "
        f"Source param shape is {_words(source)}; target param shape is {_words(target)}",
        where=where,
        hint="to learn this layer from scratch, rename it in the net",
    )


def _words(sizes: Sequence[int]) -> str:
    """A shape as Caffe writes it: the sizes, then how many numbers that is."""
    return " ".join(map(str, [*sizes, f"({math.prod(sizes)})"]))
