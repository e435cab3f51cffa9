"""A deploy net with its weights, as a function from pictures to scores."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.picture_input import PictureInput
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

Floats = npt.NDArray[np.float32]


class Classifier:
    """One input blob (N × C × H × W of bytes 0 … 255), one row of scores for each picture."""

    def __init__(
        self,
        deploy: str | os.PathLike[str],
        weights: str | os.PathLike[str],
        scale: float | None = None,
    ) -> None:
        """Read the deploy net and its weights; raises CaffeMnistError for what does not fit.

        `scale`, where given, goes before the one in the deploy net.
        """
        param = read_text(deploy, caffe_pb2.NetParameter)
        self.input = PictureInput(param, deploy, scale)
        self.net = Net(param, Surroundings(caffe_pb2.TEST))
        if not self.net.outputs:
            raise CaffeMnistError("has no outputs", where=deploy)
        untrained = load_weights(self.net, weights)
        if untrained:
            names = ", ".join(untrained)
            raise CaffeMnistError(f"holds no weights for {names} of {deploy}", where=weights)
        self.output = self.net.outputs[-1] if "prob" not in self.net.outputs else "prob"

    @property
    def classes(self) -> int:
        """How many scores a picture gets."""
        taken = self.input
        values = np.zeros((1, taken.channels, taken.height, taken.width), np.float32)
        return int(self.scores_of(values).shape[1])

    def scores(self, pictures: npt.NDArray[np.uint8]) -> Floats:
        """Scores N × classes of pictures N × C × H × W, of the shape `input.taken`."""
        return self.scores_of(self.input.values(pictures))

    def scores_of(self, values: Floats) -> Floats:
        """The same of values N × C × H × W as the net takes them, already transformed."""
        blob = self.net.blobs[self.input.name]
        blob.data = torch.from_numpy(values)
        self.net.reshape()
        self.net.forward()
        result = self.net.blobs[self.output].data
        return result.reshape(len(values), -1).numpy().copy()
