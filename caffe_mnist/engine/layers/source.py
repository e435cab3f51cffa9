"""What layers without bottoms have in common, and those that read pictures ahead in a thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.prefetch import Prefetch
from caffe_mnist.engine.data.records import Batch
from caffe_mnist.engine.data.transfer import Sent, Transfer, transfer_to
from caffe_mnist.engine.layer import Layer


class Source(Layer):
    """Tops from elsewhere: there is nothing below to send gradients to."""

    bottoms = (0, 0)

    def extent(self) -> str:
        """How much data there is to read, in words; empty where that is not known at once."""
        return ""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing below."""

    def draw(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> list[Tensor] | None:
        """All of it comes from outside."""
        self.forward(bottom, top)
        return [blob.data for blob in top]

    def forward_with(
        self, values: list[Tensor], bottom: Sequence[Blob], top: Sequence[Blob]
    ) -> None:
        """Show what was drawn."""
        for blob, each in zip(top, values):
            blob.data = each


class PictureSource(Source):
    """Tops: pictures N × C × H × W, and labels N; `setup` makes `shape` and `ahead`."""

    shape: tuple[int, ...]
    ahead: Prefetch[Sent]
    transfer: Transfer
    # The batches that were handed out: what was read ahead of them is not counted.
    passes = 0

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pictures and labels of one batch."""
        top[0].reshape(self.shape)
        for blob in top[1:]:
            blob.reshape(self.shape[:1])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The next batch."""
        for blob, values in zip(top, self.transfer.take(self.ahead.next())):
            blob.data = values
        self.passes += 1

    def read_ahead(self, batches: Iterator[Batch], depth: int) -> Prefetch[Sent]:
        """Read and send to the device in a thread, so many batches ahead."""
        self.transfer = transfer_to(self.device)
        return Prefetch(map(self.transfer.send, batches), depth)

    def state(self) -> dict[str, Any]:
        """The batches handed out, and the seeds from which everything before can be drawn again."""
        return {"passes": self.passes, **self.seeds()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the seeds, and go on at the batch after those."""
        self.take_seeds(state)
        passes = int(state["passes"])
        self.skip_to(passes, passes * self.share_of_data()[1])

    def seeds(self) -> dict[str, Any]:
        """What was drawn once, when the layer began."""
        return {}

    def take_seeds(self, state: Mapping[str, Any]) -> None:
        """Put `seeds` in the place of what this layer drew."""

    def close(self) -> None:
        """End the reading thread."""
        self.ahead.close()
