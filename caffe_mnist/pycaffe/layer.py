"""Layers: the base class of layers written in Python, and the layers of a net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caffe_mnist.engine.layer import Layer as EngineLayer
from caffe_mnist.engine.user_layer import UserLayer
from caffe_mnist.pycaffe.blob import Blob
from caffe_mnist.pycaffe.failures import caffe_errors


class Layer(UserLayer):
    """Base of the layers that users write: setup, reshape, forward, backward."""


class NetLayer(Layer):
    """A layer of a net: its `type` and its parameters, `blobs`."""

    def __init__(self, layer: EngineLayer) -> None:
        """A view of the engine's layer."""
        super().__init__(layer.param)
        self._layer = layer

    @property
    def type(self) -> str:
        """As Caffe names it."""
        return self._layer.param.type

    @property
    def blobs(self) -> list[Blob]:  # type: ignore[override]
        """Its parameters, e.g. weights and bias."""
        return [Blob(blob) for blob in self._layer.blobs]

    @caffe_errors()
    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read its settings again, for these blobs."""
        self._layer.setup([one.blob for one in bottom], [one.blob for one in top])

    @caffe_errors()
    def reshape(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Give `top` its shapes for those of `bottom`."""
        self._layer.reshape([one.blob for one in bottom], [one.blob for one in top])


def layer_view(layer: EngineLayer) -> Any:
    """The user's own object for a layer written in Python, else a NetLayer."""
    return layer.user if layer.param.type == "Python" else NetLayer(layer)  # type: ignore[attr-defined]
