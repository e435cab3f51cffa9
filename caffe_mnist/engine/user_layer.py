"""The base class of layers that users write in Python (pycaffe's `caffe.Layer`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caffe_mnist.engine.arrays import BlobArrays, ParameterArrays
from caffe_mnist.schema import caffe_pb2

Blobs = Sequence[BlobArrays]


class UserLayer:
    """Subclasses define `setup`, `reshape`, `forward` and `backward`, which get BlobArrays.

    Before `setup`, the net sets `param_str` (python_param.param_str), `phase` (0: TRAIN,
    1: TEST), and `blobs`, to which `setup` may add parameters (`self.blobs.add_blob(3, 4)`).
    """

    param_str: str
    phase: int
    blobs: ParameterArrays

    def __init__(self, param: caffe_pb2.LayerParameter | None = None) -> None:
        """Called with the layer's settings."""
        self.layer_param = param

    @property
    def type(self) -> str:
        """As Caffe names it."""
        return "Python"

    def setup(self, bottom: Blobs, top: Blobs) -> None:
        """Once, when the net is made: read settings, add parameters."""

    def reshape(self, bottom: Blobs, top: Blobs) -> None:
        """Before every forward pass: give the tops their shapes."""
        raise NotImplementedError(f"{type(self).__name__} has no reshape")

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """Fill `top[i].data`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, top: Blobs, propagate_down: list[bool], bottom: Blobs) -> Any:
        """Fill `bottom[i].diff` where `propagate_down[i]`, add to the parameters' `diff`."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")
