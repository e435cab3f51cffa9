"""What happens to pictures on their way into a net (TransformationParameter).

Order, as in Caffe: crop (at a random place in training, in the middle in testing), subtract
the mean, mirror (each picture with probability 1/2, in both phases), multiply by `scale`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary

Floats = npt.NDArray[np.float32]


class Transform:
    """One layer's transformation; `seed` decides crops and mirrors."""

    def __init__(
        self, param: caffe_pb2.TransformationParameter, phase: int, seed: int, where: str
    ) -> None:
        """Read the mean; raises CaffeMnistError if it is not there or given twice."""
        self.param, self.where = param, where
        self.training = phase == caffe_pb2.TRAIN
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.mean: Floats | None = None
        if param.force_color and param.force_gray:
            raise CaffeMnistError("gives both force_color and force_gray", where=where)
        # Of encoded pictures: True for colour, False for grey, None for what they are.
        self.colour = param.force_color if param.force_color or param.force_gray else None
        if param.HasField("mean_file") and param.mean_value:
            raise CaffeMnistError("gives both mean_file and mean_value", where=where)
        if param.HasField("mean_file"):
            self.mean = read_mean(param.mean_file)
        elif param.mean_value:
            self.mean = np.array(param.mean_value, np.float32).reshape(-1, 1, 1)

    def shape(self, channels: int, height: int, width: int) -> tuple[int, int, int]:
        """The shape of one transformed picture; raises CaffeMnistError if it cannot be made."""
        crop = self.param.crop_size
        if crop > min(height, width):
            raise CaffeMnistError(
                f"crop_size {crop} is larger than the {height} × {width} pictures",
                where=self.where,
            )
        self._check_mean(channels, height, width)
        return (channels, crop, crop) if crop else (channels, height, width)

    def batch(self, pictures: npt.NDArray[Any]) -> Floats:
        """N × C × H × W pictures (bytes or floats), all of one size, transformed."""
        number, channels, height, width = pictures.shape
        self._check_mean(channels, height, width)
        crop = self.param.crop_size
        if not crop:
            result = np.empty(pictures.shape, np.float32)
            self._place(pictures, self.mean, result)
        else:
            self.shape(channels, height, width)
            result = np.empty((number, channels, crop, crop), np.float32)
            for index in range(number):
                self._crop(pictures[index : index + 1], result[index : index + 1], crop)
        if self.param.mirror:
            turned = self.random.integers(0, 2, number).astype(bool)
            result[turned] = result[turned, :, :, ::-1]
        return result

    def _crop(self, picture: npt.NDArray[Any], result: Floats, crop: int) -> None:
        height, width = picture.shape[2:]
        top, left = (height - crop) // 2, (width - crop) // 2
        if self.training:
            top = int(self.random.integers(0, height - crop + 1))
            left = int(self.random.integers(0, width - crop + 1))
        rows, columns = slice(top, top + crop), slice(left, left + crop)
        mean = self.mean
        if mean is not None and mean.shape[1:] != (1, 1):
            mean = mean[:, rows, columns]
        self._place(picture[:, :, rows, columns], mean, result)

    def _place(self, pictures: npt.NDArray[Any], mean: Floats | None, result: Floats) -> None:
        if mean is None:
            np.multiply(pictures, np.float32(self.param.scale), out=result, dtype=np.float32)
            return
        np.subtract(pictures, mean, out=result, dtype=np.float32)
        if self.param.scale != 1:
            result *= np.float32(self.param.scale)

    def _check_mean(self, channels: int, height: int, width: int) -> None:
        if self.mean is None:
            return
        shape = self.mean.shape
        if shape[1:] == (1, 1) and self.param.mean_value:
            if shape[0] not in (1, channels):
                raise CaffeMnistError(
                    f"gives {shape[0]} mean values for {channels} channels", where=self.where
                )
        elif shape != (channels, height, width):
            raise CaffeMnistError(
                f"the mean is {shape}, the pictures are {(channels, height, width)}",
                where=self.param.mean_file,
            )


def read_mean(path: str) -> Floats:
    """A mean image (`.binaryproto`) as C × H × W."""
    blob = read_binary(path, caffe_pb2.BlobProto)
    values = np.array(blob.data, np.float32)
    shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
    if len(shape) < 3 or int(np.prod(shape)) != values.size or int(np.prod(shape[:-3])) != 1:
        raise CaffeMnistError(
            f"{values.size} values of shape {shape} are no mean image", where=path
        )
    return values.reshape(shape[-3:])
