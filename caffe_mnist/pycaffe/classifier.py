"""Classifier: a net with its preprocessing, from pictures to scores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.mode import TEST
from caffe_mnist.pycaffe.net import Net
from caffe_mnist.pycaffe.pictures import oversample as ten_crops
from caffe_mnist.pycaffe.pictures import resize_image
from caffe_mnist.pycaffe.transformer import Transformer

Array = npt.NDArray[Any]


class PictureNet(Net):
    """A net of one input with a Transformer for pictures H × W × C in 0 … 1."""

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        mean: Array | None,
        input_scale: float | None,
        raw_scale: float | None,
        channel_swap: Sequence[int] | None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        name = self.inputs[0]
        self.transformer = Transformer({one: self.blobs[one].data.shape for one in self.inputs})
        self.transformer.set_transpose(name, (2, 0, 1))
        if mean is not None:
            self.transformer.set_mean(name, mean)
        if input_scale is not None:
            self.transformer.set_input_scale(name, input_scale)
        if raw_scale is not None:
            self.transformer.set_raw_scale(name, raw_scale)
        if channel_swap is not None:
            self.transformer.set_channel_swap(name, channel_swap)

    def scores(self, pictures: Sequence[Array] | Array) -> Array:
        """The first output for each picture, in the net's batches."""
        name = self.inputs[0]
        given = np.stack([self.transformer.preprocess(name, one) for one in pictures])
        return self.forward_all(**{name: given})[self.outputs[0]]


class Classifier(PictureNet):
    """`predict` gives scores for pictures, averaged over ten crops of each.

    image_dims: the size that pictures are resized to before cropping (the net's own by
    default); the rest as for Transformer.
    """

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        image_dims: Sequence[int] | None = None,
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].data.shape[2:])
        self.image_dims: Sequence[int] | Array = image_dims or self.crop_dims

    def predict(self, inputs: Sequence[Array], oversample: bool = True) -> Array:
        """Scores N × classes of pictures H × W × C.

        With `oversample`, the mean over corners, middle and their mirror images; without, of
        the middle alone.
        """
        sized = np.stack([resize_image(one, self.image_dims) for one in inputs])
        if oversample:
            scores = self.scores(ten_crops(sized, self.crop_dims))
            means: Array = scores.reshape(len(scores) // 10, 10, -1).mean(1)
            return means
        middle = np.array(self.image_dims) / 2.0
        (top, left), (bottom, right) = (
            (middle + sign * self.crop_dims / 2.0).astype(int) for sign in (-1, 1)
        )
        return self.scores(sized[:, top:bottom, left:right, :])
