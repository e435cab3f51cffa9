"""PriorBox: the boxes that detections start from, at each position of a feature map. Of SSD's fork.

Bottoms: the feature map N × C × H × W, and the picture, for its size. Top 1 × 2 × 4 K: the
corners (left, top, right, bottom; the picture is 0 to 1) of K boxes, row by row, then as many
variances. At each position: for each min_size a square, one of side sqrt(min max) where there is
a max_size, and min_size with each aspect ratio r (w = min sqrt(r), h = min / sqrt(r)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import forks


@layers.register("PriorBox")
class PriorBox(Layer):
    """Options of prior_box_param: min_size, max_size, aspect_ratio, flip, clip, variance, …"""

    fork = "SSD"
    bottoms = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings and work out the boxes' sizes."""
        param = self.settings = forks.settings(self.param, "ssd").prior_box_param
        smallest, largest = list(param.min_size), list(param.max_size)
        if not smallest or min(smallest) <= 0:
            raise self.error("needs a positive min_size")
        if largest and len(largest) != len(smallest):
            raise self.error(f"gives {len(largest)} max_size for {len(smallest)} min_size")
        if any(big <= small for small, big in zip(smallest, largest)):
            raise self.error("needs a max_size above its min_size")
        if len(param.variance) not in (0, 1, 4) or any(one <= 0 for one in param.variance):
            raise self.error("needs a positive variance, or four of them")
        if param.HasField("img_size") and (param.HasField("img_h") or param.HasField("img_w")):
            raise self.error("gives img_size beside img_h or img_w")
        if param.HasField("step") and (param.HasField("step_h") or param.HasField("step_w")):
            raise self.error("gives step beside step_h or step_w")
        self.sizes = []
        for index, small in enumerate(smallest):
            self.sizes.append((small, small))
            if largest:
                self.sizes.append((math.sqrt(small * largest[index]),) * 2)
            self.sizes += [
                (small * math.sqrt(ratio), small / math.sqrt(ratio)) for ratio in self._ratios()
            ]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The number of boxes depends on the feature map's size."""
        if len(bottom[0].shape) != 4 or len(bottom[1].shape) != 4:
            raise self.error("needs two bottoms of 4 axes")
        height, width = bottom[0].shape[2:]
        top[0].reshape((1, 2, 4 * height * width * len(self.sizes)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The same for every batch."""
        param = self.settings
        height, width = bottom[0].shape[2:]
        picture = [param.img_h or param.img_size, param.img_w or param.img_size]
        if not all(picture):
            picture = list(bottom[1].shape[2:])
        step_h = param.step_h or param.step or picture[0] / height
        step_w = param.step_w or param.step or picture[1] / width
        rows = (torch.arange(height) + param.offset) * step_h
        columns = (torch.arange(width) + param.offset) * step_w
        sizes = torch.tensor(self.sizes) / 2
        y, x = rows.view(-1, 1, 1), columns.view(1, -1, 1)
        corners = [
            (x - sizes[:, 0]) / picture[1] + torch.zeros_like(y),
            (y - sizes[:, 1]) / picture[0] + torch.zeros_like(x),
            (x + sizes[:, 0]) / picture[1] + torch.zeros_like(y),
            (y + sizes[:, 1]) / picture[0] + torch.zeros_like(x),
        ]
        boxes = torch.stack(corners, -1).reshape(-1)
        if param.clip:
            boxes = boxes.clamp(0, 1)
        top[0].data = torch.stack([boxes, self._variances(boxes)]).unsqueeze(0).to(self.device)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The boxes do not depend on the values below."""
        for blob, down in zip(bottom, propagate_down):
            if down:
                blob.diff = torch.zeros(blob.shape, device=self.device)

    def _variances(self, boxes: Tensor) -> Tensor:
        variance = list(self.settings.variance) or [0.1]
        four = torch.tensor(variance * 4 if len(variance) == 1 else variance)
        return four.repeat(len(boxes) // 4)

    def _ratios(self) -> list[float]:
        """The aspect ratios beside 1, each once, with their inverses where `flip` says so."""
        found = [1.0]
        for given in self.settings.aspect_ratio:
            if given <= 0:
                raise self.error(f"aspect_ratio {given:g} is not positive")
            if all(abs(given - one) >= 1e-6 for one in found):
                found += [given, 1 / given] if self.settings.flip else [given]
        return found[1:]
