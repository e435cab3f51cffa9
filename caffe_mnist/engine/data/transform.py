"""What happens to pictures on their way into a net (TransformationParameter).

Order, as in Caffe: crop (at a random place in training, in the middle in testing), subtract
the mean, mirror (each picture with probability 1/2, in both phases), multiply by `scale`.
For each picture Caffe draws a word for the mirror and two for the place, from a stream of its
own whose seed is a word of the net's stream. Before all this a net may let its pictures vary in
ways that Caffe has not (augmentation.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.engine.data.augmentation import Augmentation, Chance
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary

if TYPE_CHECKING:
    from caffe_mnist.engine.layer import Layer
    from caffe_mnist.engine.random_numbers import RandomNumbers

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint64]
MOST_WORDS = 1 << 20


class Transform:
    """One layer's transformation. Until `begin` it draws nothing: the middle, not mirrored."""

    def __init__(self, param: caffe_pb2.TransformationParameter, phase: int, where: str) -> None:
        """Read the mean; raises CaffeMnistError if it is not there or given twice."""
        self.param, self.where = param, where
        self.training = phase == caffe_pb2.TRAIN
        # Whether crops are anywhere; a word each is drawn for mirror, row and column.
        self.moves = bool(param.crop_size) and self.training
        self.draws = int(param.mirror) + 2 * self.moves
        self.augmentation = Augmentation.of(param, phase, where)
        self.seed = 0
        self.pictures = 0
        self.random: RandomNumbers | None = None
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

    def begin(self, stream: RandomNumbers) -> None:
        """Take the seed of crops and mirrors from `stream`, if any are to be drawn."""
        if self.draws or self.augmentation is not None:
            self.seed = stream.word()
            self.seek(0)

    def seek(self, pictures: int) -> None:
        """Go on as if so many pictures had been transformed since `begin`."""
        from caffe_mnist.engine.random_numbers import RandomNumbers

        self.random = RandomNumbers(self.seed)
        self.pictures = pictures
        words = pictures * self.draws
        while words > 0:  # in pieces: a long run drew more than memory holds
            self.random.words(min(words, MOST_WORDS))
            words -= MOST_WORDS

    def varied(
        self, pictures: Sequence[npt.NDArray[Any]], workers: Workers, calm: bool = False
    ) -> Sequence[npt.NDArray[Any]]:
        """The next pictures C × H × W as the augmentation makes them; `calm`: without a draw."""
        augmentation = self.augmentation
        if augmentation is None:
            return pictures
        drawn: list[int | None] = [None] * len(pictures)
        if not calm and self.random is not None:
            drawn = list(range(self.pictures, self.pictures + len(pictures)))
            self.pictures += len(pictures)
        return workers.map(
            lambda one: augmentation.apply(one[0], Chance(self.seed, one[1])),
            zip(pictures, drawn),
        )

    def refuse_augmentation(self, layer: Layer) -> None:
        """Raise CaffeMnistError for a layer whose pictures cannot be varied."""
        if self.augmentation is not None:
            raise layer.error("cannot vary its pictures", hint="Data and ImageData can")

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
        number, *size = pictures.shape
        drawn = self.draw(number)
        result = np.empty((number, *self.shape(*size)), np.float32)
        if self.moves and self.random is not None:
            for picture, words, place in zip(pictures, drawn, result):
                self.place(picture, words, place)
            return result
        rows, columns = (self._middle(side) for side in size[1:])
        self._place(pictures, rows, columns, result)
        if self.param.mirror and self.random is not None:
            turned = drawn[:, 0] % 2 == 1
            result[turned] = result[turned, :, :, ::-1]
        return result

    def draw(self, pictures: int) -> Words:
        """The words for each of the next pictures: the mirror's, then the crop's row and column.

        They are drawn in the order of the pictures; `place` may then be called in any order.
        """
        if self.random is None:
            return np.zeros((pictures, self.draws), np.uint64)
        return self.random.words(pictures * self.draws).reshape(pictures, self.draws)

    def place(self, picture: npt.NDArray[Any], words: Words, result: Floats) -> None:
        """One picture C × H × W transformed into `result`, of its `shape`, by the words drawn."""
        rows, columns = (self._middle(side) for side in picture.shape[1:])
        if self.moves and self.random is not None:
            rows, columns = (
                self._part(int(word) % (side - self.param.crop_size + 1))
                for word, side in zip(words[-2:], picture.shape[1:])
            )
        self._place(picture, rows, columns, result)
        if self.param.mirror and self.random is not None and int(words[0]) % 2:
            result[:] = result[:, :, ::-1].copy()

    def _middle(self, side: int) -> slice:
        crop = self.param.crop_size
        return self._part((side - crop) // 2) if crop else slice(None)

    def _part(self, start: int) -> slice:
        return slice(start, start + self.param.crop_size)

    def _place(
        self, pictures: npt.NDArray[Any], rows: slice, columns: slice, result: Floats
    ) -> None:
        """The rows and columns of one picture or many, less the mean, times the scale."""
        pictures, mean = pictures[..., rows, columns], self.mean
        if mean is None:
            np.multiply(pictures, np.float32(self.param.scale), out=result, dtype=np.float32)
            return
        if mean.shape[1:] != (1, 1):
            mean = mean[:, rows, columns]
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


def begin_reading(transform: Transform, stream: RandomNumbers) -> None:
    """Draw what Caffe draws when a layer begins to read ahead: a seed again, and the thread's."""
    transform.begin(stream)
    stream.word()


def read_mean(path: str) -> Floats:
    """A mean image (`.binaryproto`) as C × H × W."""
    blob = read_binary(path, caffe_pb2.BlobProto)
    values = np.array(blob.data, np.float32)
    shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
    image = len(shape) > 2 and min(shape) > 0 and math.prod(shape[:-3]) == 1
    if not image or math.prod(shape) != values.size:
        raise CaffeMnistError(
            f"{values.size} values of shape {shape} are no mean image", where=path
        )
    return values.reshape(shape[-3:])
