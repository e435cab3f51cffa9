"""Input: blobs that the program using the net fills."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import Source


@layers.register("Input")
class Input(Source):
    """Options: shape, one for all tops or one for each."""

    tops = (1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes; they keep what is written into them."""
        shapes = self.param.input_param.shape
        if len(shapes) not in (0, 1, len(top)):
            raise self.error(f"gives {len(shapes)} shapes for {len(top)} tops")
        for index, blob in enumerate(top):
            if shapes:
                blob.reshape(shapes[index if len(shapes) > 1 else 0].dim)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The user decides."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing to compute."""
        for blob in top:
            blob.data = blob.data
