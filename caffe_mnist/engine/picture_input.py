"""What a deploy net takes: pictures of which shape, and what happens to their bytes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.fitting import SHORTER_SIDE, STRETCH, WHOLE
from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.upgrade import upgrade_net

Floats = npt.NDArray[np.float32]


class PictureInput:
    """The one input of a deploy net, found without building the net (and without torch).

    The pictures are transformed as the Input layer's transform_param says, from the size that
    its image_data_param gives: Caffe ignores both there, and the launcher writes into them what
    the training did. With new_height and new_width, pictures are stretched to that size; with
    new_height alone, their shorter side is brought to it and the middle cut out.
    """

    def __init__(
        self,
        net: caffe_pb2.NetParameter,
        where: str | os.PathLike[str],
        scale: float | None = None,
    ) -> None:
        """Find the input; `scale` goes before the one of the net.

        Raises CaffeMnistError unless there is one input, of N × C × H × W.
        """
        layers = [one for one in upgrade_net(net, where).layer if one.type == "Input"]
        names = [top for one in layers for top in one.top]
        if len(names) != 1:
            raise CaffeMnistError(
                f"has {len(names)} inputs, expected one",
                where=where,
                hint="is it a deploy net, with an Input layer?",
            )
        shape = list(layers[0].input_param.shape[0].dim) if layers[0].input_param.shape else []
        if len(shape) != 4 or min(shape) < 1:
            text = " × ".join(map(str, shape)) or "no axes"
            raise CaffeMnistError(
                f"takes an input of {text}, expected N × C × H × W of pictures", where=where
            )
        self.name = names[0]
        self.channels, self.height, self.width = shape[1:]
        param = caffe_pb2.TransformationParameter()
        param.CopyFrom(layers[0].transform_param)
        if scale is not None:
            param.scale = scale
        beside = Path(where).parent / os.path.basename(param.mean_file)
        if param.mean_file and not os.path.isfile(param.mean_file) and os.path.isfile(beside):
            param.mean_file = str(beside)
        self.transform = Transform(param, caffe_pb2.TEST, str(where))
        given = layers[0].image_data_param
        self._size = (given.new_height, given.new_width or given.new_height)
        self.resize = WHOLE
        if given.new_height:
            self.resize = STRETCH if given.new_width else SHORTER_SIDE
        self._check(shape[1:], where)

    @property
    def resized(self) -> bool:
        """Whether the net says of which size pictures are before a crop."""
        return self.resize != WHOLE

    @property
    def taken(self) -> tuple[int, int, int]:
        """The shape of the pictures to give: before a crop, what is cropped."""
        mean = self.transform.mean
        if self.resized:
            return self.channels, *self._size
        if self.transform.param.crop_size and mean is not None and mean.shape[1:] != (1, 1):
            return mean.shape
        return self.channels, self.height, self.width

    def values(self, pictures: npt.NDArray[np.uint8]) -> Floats:
        """Pictures N × C × H × W of bytes as the net takes them."""
        return self.transform.batch(pictures)

    def cut(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """What of pictures (… × C × H × W) goes into the net: the middle, if they are cropped."""
        crop = self.transform.param.crop_size
        if not crop:
            return pictures
        top, left = ((side - crop) // 2 for side in pictures.shape[-2:])
        return pictures[..., top : top + crop, left : left + crop]

    def _check(self, shape: list[int], where: str | os.PathLike[str]) -> None:
        """That what comes out of the transformation is what the net takes."""
        made = list(self.transform.shape(*self.taken))
        if made != shape:
            raise CaffeMnistError(
                f"takes {_text(shape)}, its transform_param makes {_text(made)}",
                where=where,
                hint="crop_size and new_height must be those of the training",
            )


def _text(shape: list[int]) -> str:
    return " × ".join(map(str, shape))
