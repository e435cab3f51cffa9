"""MemoryData: batches of arrays that the program using the net gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import Source


@layers.register("MemoryData")
class MemoryData(Source):
    """Tops: pictures N × C × H × W and labels N × 1 × 1 × 1, in the order given and over again.

    Options: batch_size, channels, height, width.
    """

    tops = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the sizes."""
        param = self.param.memory_data_param
        self.shape = (param.batch_size, param.channels, param.height, param.width)
        if min(self.shape) < 1:
            raise self.error("needs positive batch_size, channels, height and width")
        transform = Transform(self.param.transform_param, self.phase, self.name)
        transform.refuse_augmentation(self)
        transform.begin(self.surroundings.generator)
        self.pictures: Tensor | None = None
        self.place = 0

    def give(self, pictures: Tensor, labels: Tensor) -> None:
        """Take `pictures` (N × C × H × W) and as many labels; the next batch is their first.

        Both are used as they are, without a copy. Raises CaffeMnistError for another shape and
        for a number that is no multiple of the batch size.
        """
        if tuple(pictures.shape[1:]) != self.shape[1:] or pictures.dim() != 4:
            raise self.error(
                f"takes pictures of {self.shape[1:]}, given is an array of {tuple(pictures.shape)}"
            )
        number = len(pictures)
        if not number or number % self.shape[0]:
            raise self.error(f"takes batches of {self.shape[0]}, given are {number} pictures")
        if labels.numel() != number:
            raise self.error(f"given are {labels.numel()} labels for {number} pictures")
        self.pictures, self.labels, self.place = pictures, labels.reshape(-1, 1, 1, 1), 0

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Pictures and labels of one batch (the labels N until the first pass, as in Caffe)."""
        top[0].reshape(self.shape)
        top[1].reshape(self.shape[:1])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The next batch."""
        if self.pictures is None:
            raise self.error(
                "has no data yet", hint="give it arrays first (in pycaffe: set_input_arrays)"
            )
        part = slice(self.place, self.place + self.shape[0])
        for blob, values in zip(top, (self.pictures[part], self.labels[part])):
            blob.data = values.to(self.device, torch.float32)
        self.place = part.stop % len(self.pictures)
