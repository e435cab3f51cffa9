"""Which blobs of a net lie in one memory in Caffe, so that a layer in place changes all of them."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer


class Memories:
    """The memories of one net, noted layer by layer in their order."""

    def __init__(self) -> None:
        self._memories: list[list[Blob]] = []
        self._changes: dict[int, list[tuple[Blob, list[Blob]]]] = {}

    def note(self, index: int, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """What the layer of this number hands on, and whose values it changes in place."""
        if layer.hands_on():
            memory = next((one for one in self._memories if _holds(one, bottom[0])), None)
            if memory is None:
                memory = [bottom[0]]
                self._memories.append(memory)
            memory += [blob for blob in top if not _holds(memory, blob)]
        changed = [
            (blob, [other for other in memory if other is not blob])
            for blob in top
            if _holds(bottom, blob)
            for memory in self._memories
            if _holds(memory, blob)
        ]
        if changed:
            self._changes[index] = changed

    def follow(self, index: int) -> None:
        """After this layer's forward pass: the same values in each other shape."""
        for blob, others in self._changes.get(index, ()):
            for other in others:
                other.data = blob.data.reshape(other.shape)


def _holds(blobs: Sequence[Blob], wanted: Blob) -> bool:
    return any(blob is wanted for blob in blobs)
