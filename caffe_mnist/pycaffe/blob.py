"""A blob as pycaffe shows it."""

from __future__ import annotations

from caffe_mnist.engine.arrays import Sized
from caffe_mnist.pycaffe import memory
from caffe_mnist.pycaffe.failures import CaffeError


class Blob(Sized):
    """`data` and `diff` as writable float32 arrays that the net uses, with its shape.

    Every view of one blob gives the same arrays.
    """

    fault = CaffeError

    @property
    def data(self) -> memory.Floats:
        """The values, in Caffe's order of axes."""
        return memory.array(self.blob, "data")

    @property
    def diff(self) -> memory.Floats:
        """The gradient of the loss by the values."""
        return memory.array(self.blob, "diff")

    def reshape(self, *shape: int) -> None:
        """Take another shape; the layers above follow at the next forward pass or reshape."""
        sizes = [int(size) for size in shape]
        if any(size < 0 for size in sizes):
            raise CaffeError(f"a blob cannot have the shape {tuple(sizes)}")
        self.blob.reshape(sizes)
