"""WindowData: windows of pictures with objects and without, for training detectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.pictures import Bytes, read_picture
from caffe_mnist.engine.data.records import Batch
from caffe_mnist.engine.data.transform import Floats, Transform, begin_reading, read_mean
from caffe_mnist.engine.data.windows import Cut, Window, read_windows
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import PictureSource
from caffe_mnist.engine.random_numbers import RandomNumbers


@layers.register("WindowData")
class WindowData(PictureSource):
    """Tops: windows N × C × crop × crop, and their classes N (0 for those without an object).

    A window is an object where its overlap is at least `fg_threshold`, and none where it is
    below `bg_threshold`. Each batch draws windows without an object, then a share of
    `fg_fraction` with one. Options: source, root_folder, batch_size, scale, context_pad,
    crop_mode (warp, square), cache_images; transform_param's crop_size, mirror and mean.
    """

    tops = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list and the mean."""
        param, transform = self.param.window_data_param, self.param.transform_param
        if not param.HasField("source"):
            raise self.error("needs window_data_param.source")
        if param.batch_size < 1 or transform.crop_size < 1:
            raise self.error("needs a positive batch_size and transform_param.crop_size")
        if param.crop_mode not in ("warp", "square"):
            raise self.error(f"knows no crop_mode {param.crop_mode!r}", hint="warp or square")
        if 2 * param.context_pad >= transform.crop_size:
            raise self.error("needs a context_pad smaller than half the crop_size")
        self.cut = Cut(transform.crop_size, param.context_pad, param.crop_mode == "square")
        windows = read_windows(param.source, param.root_folder)
        objects = [one for one in windows if one.overlap >= param.fg_threshold]
        if any(one.label <= 0 for one in objects):
            raise self.error("found an object of class 0", hint="classes of objects begin at 1")
        others = [
            one for one in windows if one.overlap < min(param.bg_threshold, param.fg_threshold)
        ]
        number = int(np.float32(param.batch_size) * np.float32(param.fg_fraction))
        self.groups = [(others, param.batch_size - number), (objects, number)]
        for group, wanted in self.groups:
            if wanted and not group:
                kind = "with" if group is objects else "without"
                raise self.error(f"found no windows {kind} an object in {param.source}")
        channels = windows[0].channels
        self.mean = self._read_mean(channels)
        self.shape = (param.batch_size, channels, self.cut.size, self.cut.size)
        stream, chance = self.surroundings.generator, Transform(transform, self.phase, self.name)
        chance.refuse_augmentation(self)
        chance.begin(stream)
        self.seed = stream.word()
        self.random = RandomNumbers(self.seed)
        begin_reading(chance, stream)
        self.pictures: dict[str, Bytes] = {}
        self.ahead = self.read_ahead(self._batches(), self.param.data_param.prefetch)

    def skip_to(self, passes: int, taken: int) -> None:
        """Go on after so many batches: a word was drawn for each window, and one for its mirror."""
        self.ahead.close()
        self.passes = passes
        self.random = RandomNumbers(self.seed)
        words = 1 + bool(self.param.transform_param.mirror)
        for _ in range(passes):
            self.random.words(words * self.shape[0])
        self.ahead = self.read_ahead(self._batches(), self.param.data_param.prefetch)

    def seeds(self) -> dict[str, Any]:
        """That of the windows."""
        return {"seed": self.seed}

    def take_seeds(self, state: Mapping[str, Any]) -> None:
        """That of the windows."""
        self.seed = int(state["seed"])

    def _batches(self) -> Iterator[Batch]:
        while True:
            result = np.zeros(self.shape, np.float32)
            labels = np.zeros(self.shape[0], np.float32)
            index = 0
            for group, number in self.groups:
                for _ in range(number):
                    window = group[self.random.word() % len(group)]
                    self._place(window, result[index])
                    labels[index] = window.label if group is self.groups[1][0] else 0
                    index += 1
            yield result, labels

    def _place(self, window: Window, result: Floats) -> None:
        """The window, less the mean, times the scale; the rest of `result` stays zero."""
        mirror = self.param.transform_param.mirror and self.random.word() % 2 == 1
        picture = self._picture(window.path)
        part, top, left = self.cut.values(picture, window, mirror)
        height, width, channels = part.shape
        if channels != self.shape[1]:
            raise self.error(f"{window.path} has {channels} channels, the first {self.shape[1]}")
        values = part.transpose(2, 0, 1).astype(np.float32)
        if self.mean is not None:
            mean = self.mean
            if mean.shape[1:] != (1, 1):
                over = (mean.shape[2] - self.cut.size) // 2
                mean = mean[:, top + over : top + over + height, left + over : left + over + width]
            values -= mean
        values *= np.float32(self.param.window_data_param.scale)
        result[:, top : top + height, left : left + width] = values

    def _picture(self, path: str) -> Bytes:
        found = self.pictures.get(path)
        if found is None:
            found = np.ascontiguousarray(read_picture(path).transpose(1, 2, 0))
            if self.param.window_data_param.cache_images:
                self.pictures[path] = found
        return found

    def _read_mean(self, channels: int) -> Floats | None:
        param = self.param.transform_param
        if param.HasField("mean_file") and param.mean_value:
            raise self.error("gives both mean_file and mean_value")
        if param.HasField("mean_file"):
            mean = read_mean(param.mean_file)
            if mean.shape[0] != channels or min(mean.shape[1:]) < self.cut.size:
                raise self.error(f"cannot use a mean of {mean.shape} for crops of {self.cut.size}")
            return mean
        if not param.mean_value:
            return None
        if len(param.mean_value) not in (1, channels):
            raise self.error(f"gives {len(param.mean_value)} mean values for {channels} channels")
        return np.array(param.mean_value, np.float32).reshape(-1, 1, 1)
