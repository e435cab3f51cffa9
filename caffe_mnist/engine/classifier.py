"""A deploy net with its weights, as a function from pictures to scores."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

Floats = npt.NDArray[np.float32]


class Classifier:
    """One input blob (N × C × H × W of bytes 0 … 255), one row of scores for each picture.

    The pictures are transformed as the Input layer's transform_param says: Caffe ignores it
    there, and the launcher writes into it what the training did.
    """

    def __init__(self, deploy: str | os.PathLike[str], weights: str | os.PathLike[str]) -> None:
        """Read the deploy net and its weights; raises CaffeMnistError for what does not fit."""
        param = read_text(deploy, caffe_pb2.NetParameter)
        self.net = Net(param, Surroundings(caffe_pb2.TEST))
        if len(self.net.inputs) != 1 or not self.net.outputs:
            raise CaffeMnistError(
                f"has {len(self.net.inputs)} inputs and {len(self.net.outputs)} outputs, "
                "expected one input and an output",
                where=deploy,
            )
        load_weights(self.net, weights)
        self.input = self.net.inputs[0]
        self.output = self.net.outputs[-1] if "prob" not in self.net.outputs else "prob"
        shape = self.net.blobs[self.input].shape
        if len(shape) != 4:
            raise CaffeMnistError(f"takes an input of shape {shape}, not of pictures", where=deploy)
        self.channels, self.height, self.width = shape[1:]
        layer = next(one for one in self.net.layers if one.param.type == "Input")
        self._transform = Transform(layer.param.transform_param, caffe_pb2.TEST, 0, str(deploy))

    @property
    def taken(self) -> tuple[int, int, int]:
        """The shape of the pictures to give, before a crop: channels, height, width."""
        mean = self._transform.mean
        if self._transform.param.crop_size and mean is not None and mean.shape[1:] != (1, 1):
            return mean.shape
        return self.channels, self.height, self.width

    def scores(self, pictures: npt.NDArray[np.uint8]) -> Floats:
        """Scores N × classes of pictures N × C × H × W."""
        values = self._transform.batch(pictures)
        self.net.blobs[self.input].data = torch.from_numpy(values)
        self.net.reshape()
        self.net.forward()
        result = self.net.blobs[self.output].data
        return result.reshape(len(pictures), -1).numpy().copy()
