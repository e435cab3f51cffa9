"""A blob as pycaffe shows it."""

from __future__ import annotations

from caffe_mnist.engine.blob import Blob as EngineBlob
from caffe_mnist.pycaffe import memory
from caffe_mnist.pycaffe.failures import CaffeError


class Blob:
    """`data` and `diff` as writable float32 arrays that the net uses, with its shape."""

    def __init__(self, blob: EngineBlob) -> None:
        """A view; every view of one blob gives the same arrays."""
        self._blob = blob

    @property
    def data(self) -> memory.Floats:
        """The values, in Caffe's order of axes."""
        return memory.array(self._blob, "data")

    @property
    def diff(self) -> memory.Floats:
        """The gradient of the loss by the values."""
        return memory.array(self._blob, "diff")

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self._blob.shape

    @property
    def count(self) -> int:
        """The number of elements."""
        return self._blob.count

    @property
    def num(self) -> int:
        """The first of four axes."""
        return self._legacy(0)

    @property
    def channels(self) -> int:
        """The second of four axes."""
        return self._legacy(1)

    @property
    def height(self) -> int:
        """The third of four axes."""
        return self._legacy(2)

    @property
    def width(self) -> int:
        """The fourth of four axes."""
        return self._legacy(3)

    def reshape(self, *shape: int) -> None:
        """Take another shape; the layers above follow at the next forward pass or reshape."""
        sizes = [int(size) for size in shape]
        if any(size < 0 for size in sizes):
            raise CaffeError(f"a blob cannot have the shape {tuple(sizes)}")
        self._blob.reshape(sizes)

    def _legacy(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise CaffeError(
                f"a blob of {len(self.shape)} axes has no num, channels, height and width",
                hint="use shape",
            )
        return self.shape[axis] if axis < len(self.shape) else 1
