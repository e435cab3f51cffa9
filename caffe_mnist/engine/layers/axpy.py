"""Axpy: a x + y with a factor for each channel. A layer of SENet's fork.

Bottoms: a N × C (ones may follow), x and y N × C × …; top as x.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import FunctionLayer, layers


@layers.register("Axpy")
class Axpy(FunctionLayer):
    """a x + y, a for each channel of each picture."""

    fork = "SENet"
    bottoms = (3, 3)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Both summands have one shape, with a factor for each channel."""
        factor, first, second = (blob.shape for blob in bottom)
        ones = (1,) * max(len(factor) - 2, 0)
        if first != second or len(first) < 2 or factor[:2] != first[:2] or factor[2:] != ones:
            raise self.error(f"cannot add shapes {factor} times {first}, and {second}")
        top[0].reshape(first)

    def function(self, *inputs: Tensor) -> Tensor:
        """The formula."""
        factor, x, y = inputs
        return factor.reshape(*x.shape[:2], *[1] * (x.dim() - 2)) * x + y
