"""Pictures that vary while training, before Caffe's own transformation: fields of forks.

In this order, each only where the layer's transform_param gives it, and only in the phase TRAIN:

    max_rotation_angle         turned about the middle by up to so many degrees either way, the
                               corners filled by reflection
    min_side_min, min_side_max the shorter side resized to a length between these
    random_aspect_ratio_param  a part of the picture (its area a share between min_area_ratio and
                               max_area_ratio, its sides' ratio between 1 / aspect_ratio_change and
                               aspect_ratio_change), resized to crop_size × crop_size
    distort_param              brightness, contrast, saturation and hue, each with its probability;
                               contrast last or second, evens; the channels in another order

What happens to picture number n of a run comes from the layer's seed and n alone: so any thread
may do it, and a resumed run goes on exactly. By OpenCV, on bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.engine.data.pictures import Bytes, channels_first, load_opencv
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2, forks


class Chance:
    """What is drawn for one picture; without a number nothing is, and all is in the middle."""

    def __init__(self, seed: int, number: int | None) -> None:
        # RandomState's numbers never change with NumPy's versions.
        words = [seed & 0xFFFFFFFF, (number or 0) & 0xFFFFFFFF, (number or 0) >> 32]
        self._random = None if number is None else np.random.RandomState(words)

    def between(self, low: float, high: float) -> float:
        """Even in [low, high)."""
        if self._random is None:
            return (low + high) / 2
        return low + (high - low) * float(self._random.random_sample())

    def happens(self, probability: float) -> bool:
        """True so often."""
        return self._random is not None and float(self._random.random_sample()) < probability

    def order(self, count: int) -> list[int]:
        """The numbers below `count` in any order."""
        if self._random is None:
            return list(range(count))
        return [int(one) for one in self._random.permutation(count)]


class Augmentation:
    """What one layer does to its pictures beside Caffe's transformation."""

    def __init__(self, param: caffe_pb2.TransformationParameter, where: str) -> None:
        """Raises CaffeMnistError for settings that describe nothing."""
        self.where, self.crop = where, param.crop_size
        more, ssd = forks.settings(param, "augmentation"), forks.settings(param, "ssd")
        self.angle, self.sides = more.max_rotation_angle, (more.min_side_min, more.min_side_max)
        self.part = None
        if more.HasField("random_aspect_ratio_param"):
            self.part = more.random_aspect_ratio_param
        self.colour = ssd.distort_param if ssd.HasField("distort_param") else None
        self._check()

    @staticmethod
    def of(param: caffe_pb2.TransformationParameter, phase: int, where: str) -> Augmentation | None:
        """That of a layer; None when testing, and where its settings are Caffe's alone."""
        found = Augmentation(param, where)
        anything = found.angle or any(found.sides) or found.part or found.colour
        return found if anything and phase == caffe_pb2.TRAIN else None

    def apply(self, picture: npt.NDArray[Any], chance: Chance) -> Bytes:
        """A picture C × H × W of bytes, as this chance makes it."""
        if picture.dtype != np.uint8 or picture.shape[0] not in (1, 3, 4):
            raise CaffeMnistError(
                f"cannot vary pictures of {picture.shape[0]} channels of {picture.dtype}",
                where=self.where,
                hint="bytes, with 1, 3 or 4 channels",
            )
        opencv = load_opencv(self.where)
        image = np.ascontiguousarray(picture.transpose(1, 2, 0))
        if self.angle:
            image = self._turned(opencv, image, chance.between(-self.angle, self.angle))
        if any(self.sides):
            image = self._scaled(opencv, image, chance)
        if self.part is not None:
            image = self._cut(opencv, image, chance)
        if self.colour is not None:
            image = self._coloured(opencv, image, chance)
        return channels_first(image)

    @staticmethod
    def _turned(opencv: Any, image: Bytes, angle: float) -> Bytes:
        height, width = image.shape[:2]
        middle = ((width - 1) / 2, (height - 1) / 2)
        turn = opencv.getRotationMatrix2D(middle, angle, 1.0)
        mode = opencv.BORDER_REFLECT_101
        turned: Bytes = opencv.warpAffine(image, turn, (width, height), borderMode=mode)
        return turned

    def _scaled(self, opencv: Any, image: Bytes, chance: Chance) -> Bytes:
        low, high = self.sides
        side = int(chance.between(low, high + 1))
        height, width = image.shape[:2]
        factor = side / min(height, width)
        size = (max(round(width * factor), side), max(round(height * factor), side))
        scaled: Bytes = opencv.resize(image, size)
        return scaled

    def _cut(self, opencv: Any, image: Bytes, chance: Chance) -> Bytes:
        height, width = image.shape[:2]
        part: Any = self.part
        most = math.log(part.aspect_ratio_change)
        side = min(height, width)
        left, top, cut_width, cut_height = (width - side) // 2, (height - side) // 2, side, side
        for _ in range(part.max_attempt):
            area = height * width * chance.between(part.min_area_ratio, part.max_area_ratio)
            ratio = math.exp(chance.between(-most, most))
            x, y = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < x <= width and 0 < y <= height:
                left = int(chance.between(0, width - x + 1))
                top = int(chance.between(0, height - y + 1))
                cut_width, cut_height = x, y
                break
        image = image[top : top + cut_height, left : left + cut_width]
        cut: Bytes = opencv.resize(image, (self.crop, self.crop))
        return cut

    def _coloured(self, opencv: Any, image: Bytes, chance: Chance) -> Bytes:
        param: Any = self.colour
        contrast_first = chance.happens(0.5)
        if chance.happens(param.brightness_prob):
            delta = param.brightness_delta
            image = _through(opencv, image, 1.0, chance.between(-delta, delta))
        if contrast_first:
            image = self._contrast(opencv, image, chance)
        if image.ndim == 3 and image.shape[2] == 3:
            image = self._hue(opencv, image, chance)
        if not contrast_first:
            image = self._contrast(opencv, image, chance)
        if image.ndim == 3 and chance.happens(param.random_order_prob):
            image = np.ascontiguousarray(image[:, :, chance.order(image.shape[2])])
        return image

    def _contrast(self, opencv: Any, image: Bytes, chance: Chance) -> Bytes:
        param: Any = self.colour
        if not chance.happens(param.contrast_prob):
            return image
        factor = chance.between(param.contrast_lower, param.contrast_upper)
        return _through(opencv, image, factor, 0.0)

    def _hue(self, opencv: Any, image: Bytes, chance: Chance) -> Bytes:
        """Saturation multiplied, hue (0 to 180) shifted."""
        param: Any = self.colour
        saturates, turns = chance.happens(param.saturation_prob), chance.happens(param.hue_prob)
        if not saturates and not turns:
            return image
        parts = opencv.cvtColor(image, opencv.COLOR_BGR2HSV)
        if saturates:
            factor = chance.between(param.saturation_lower, param.saturation_upper)
            parts[:, :, 1] = _through(opencv, parts[:, :, 1], factor, 0.0)
        if turns:
            shift = round(chance.between(-param.hue_delta, param.hue_delta))
            parts[:, :, 0] = (parts[:, :, 0].astype(np.int16) + shift) % 180
        coloured: Bytes = opencv.cvtColor(parts, opencv.COLOR_HSV2BGR)
        return coloured

    def _check(self) -> None:
        low, high = self.sides
        faults = {
            "max_rotation_angle is to be from 0 to 180": not 0 <= self.angle <= 180,
            "min_side_min and min_side_max are to ascend from 1": any(self.sides)
            and not 0 < low <= high,
            "min_side_min needs a crop_size, no larger than it": any(self.sides)
            and (not self.crop or (self.crop > low and self.part is None)),
        }
        if self.part is not None:
            part = self.part
            faults["random_aspect_ratio_param needs a crop_size"] = not self.crop
            ratios = 0 < part.min_area_ratio <= part.max_area_ratio <= 1
            faults["min_area_ratio and max_area_ratio are to ascend from 0 to 1"] = not ratios
            faults["aspect_ratio_change is to be 1 or more"] = not part.aspect_ratio_change >= 1
        if self.colour is not None:
            for name in ("contrast", "saturation"):
                least, most = (getattr(self.colour, f"{name}_{end}") for end in ("lower", "upper"))
                faults[f"{name}_lower and {name}_upper are to ascend"] = not 0 <= least <= most
            for name in ("brightness", "contrast", "saturation", "hue", "random_order"):
                likely = getattr(self.colour, f"{name}_prob")
                faults[f"{name}_prob is to be from 0 to 1"] = not 0 <= likely <= 1
            for name, most in (("brightness", 255), ("hue", 180)):
                delta = getattr(self.colour, f"{name}_delta")
                faults[f"{name}_delta is to be from 0 to {most}"] = not 0 <= delta <= most
        for what, holds in faults.items():
            if holds:
                raise CaffeMnistError(what, where=f"{self.where}: transform_param")


def _through(opencv: Any, image: Bytes, factor: float, summand: float) -> Bytes:
    """Every byte times a factor and plus a summand, within 0 and 255."""
    table = np.clip(np.arange(256) * factor + summand, 0, 255).round().astype(np.uint8)
    changed: Bytes = opencv.LUT(image, table)
    return changed
