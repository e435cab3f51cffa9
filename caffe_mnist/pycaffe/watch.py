"""What happens around each layer's passes: the user's callbacks, and arrays that stay true."""

from __future__ import annotations

from typing import Callable

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.net import Watch as EngineWatch
from caffe_mnist.pycaffe import memory

# Layers whose tops lie in the memory of their bottom.
SHARING = ("Split", "Flatten", "Reshape")
MOMENTS = ("before_forward", "after_forward", "before_backward", "after_backward")


class Watch(EngineWatch):
    """Keeps the arrays of one net in step with it; `callbacks` are the user's, by moment."""

    def __init__(self, net: Net) -> None:
        """Find out which blobs share memory, and which layers work in place."""
        self.callbacks: dict[str, list[Callable[[int], object]]] = {name: [] for name in MOMENTS}
        # Not the net itself: a circle would keep its memory until Python looks for circles.
        self._layers, self._bottoms, self._tops = net.layers, net.bottoms, net.tops
        self._in_place = [
            [blob for blob in tops if any(blob is below for below in bottoms)]
            for bottoms, tops in zip(net.bottoms, net.tops)
        ]
        self._reshaped: dict[int, Blob] = {}
        for index, (layer, bottoms, tops) in enumerate(zip(net.layers, net.bottoms, net.tops)):
            if layer.param.type in SHARING:
                sources: list[Blob] = list(bottoms)
                if layer.param.type != "Split":
                    self._reshaped[index] = bottoms[0]
            elif layer.param.type == "Parameter":
                sources = list(layer.blobs)
            else:
                continue
            for top in tops:
                if top is not sources[0]:
                    memory.share(sources[0], top)

    def before_forward(self, index: int) -> None:
        """Arrays go to the device; a layer in place works on a copy."""
        self._call("before_forward", index)
        memory.commit(self._blobs(index))
        memory.lend(self._in_place[index])
        if index in self._reshaped:
            memory.straighten(self._reshaped[index])

    def after_forward(self, index: int) -> None:
        """Arrays get what the layer made."""
        memory.settle(self._blobs(index))
        self._call("after_forward", index)

    def before_backward(self, index: int) -> None:
        """Arrays go to the device."""
        self._call("before_backward", index)
        memory.commit(self._blobs(index))

    def after_backward(self, index: int) -> None:
        """Arrays get what the layer made."""
        memory.settle(self._blobs(index))
        self._call("after_backward", index)

    def _call(self, moment: str, index: int) -> None:
        for callback in self.callbacks[moment]:
            callback(index)

    def _blobs(self, index: int) -> list[Blob]:
        parameters: list[Blob] = []
        for blob in self._layers[index].blobs:
            parameters.append(blob if blob.owner is None else blob.owner)
        return [*self._bottoms[index], *self._tops[index], *parameters]
