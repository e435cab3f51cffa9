"""ROIPooling: the largest values in a grid over each region of interest. Of Fast R-CNN's fork.

Bottoms: features N × C × H × W, and regions R × 5: the picture's number in the batch, and the
first and last column and row (left, top, right, bottom) in the picture. Top R × C × pooled_h ×
pooled_w. A region's corners are scaled and rounded; it is at least one position large; a cell
reaches from the rounded down start to the rounded up end, and is 0 where nothing of it is inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.schema import forks


@layers.register("ROIPooling")
class ROIPooling(Layer):
    """Options of roi_pooling_param: pooled_h, pooled_w, spatial_scale (features over picture)."""

    fork = "Fast R-CNN"
    repeats = False
    bottoms = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.settings = forks.settings(self.param, "rcnn").roi_pooling_param
        if param.pooled_h < 1 or param.pooled_w < 1:
            raise self.error("needs a positive pooled_h and pooled_w")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A grid for each region."""
        features, regions = bottom[0].shape, bottom[1].shape
        if len(features) != 4 or not regions or bottom[1].count != 5 * regions[0]:
            raise self.error(f"needs features N × C × H × W and regions R × 5, found {regions}")
        top[0].reshape((regions[0], features[1], self.settings.pooled_h, self.settings.pooled_w))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The largest value of each cell; where it was is kept."""
        features, shape = bottom[0].data, top[0].shape
        values = torch.zeros(shape, device=features.device)
        self.places = torch.full(shape, -1, dtype=torch.int64, device=features.device)
        width = features.shape[3]
        self.items = self._items(bottom)
        for number, region in enumerate(bottom[1].data.reshape(-1, 5).tolist()):
            picture = features[self.items[number]]
            rows, columns = self._cells(region, picture)
            for i, (top_row, end_row) in enumerate(rows):
                for j, (left, end) in enumerate(columns):
                    if top_row >= end_row or left >= end:
                        continue
                    cell = picture[:, top_row:end_row, left:end].flatten(1)
                    best, place = cell.max(1)
                    row = place.div(end - left, rounding_mode="floor") + top_row
                    values[number, :, i, j] = best
                    self.places[number, :, i, j] = row * width + place % (end - left) + left
        top[0].data = values

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """To the winners, added up where regions overlap; regions have no gradient."""
        if not propagate_down[0]:
            return
        shape = bottom[0].shape
        gradient = torch.zeros(shape, device=self.places.device).flatten(2)
        found = top[0].diff * (self.places >= 0)
        for number, item in enumerate(self.items):
            places = self.places[number].flatten(1).clamp_min(0)
            gradient[item].scatter_add_(1, places, found[number].flatten(1))
        bottom[0].diff = gradient.view(shape)

    def allows_force_backward(self, index: int) -> bool:
        """Regions have no gradient."""
        return index == 0

    def _items(self, bottom: Sequence[Blob]) -> list[int]:
        """The picture of each region; raises CaffeMnistError for one that is not there."""
        items = [int(item) for item in bottom[1].data.reshape(-1, 5)[:, 0].tolist()]
        if any(not 0 <= item < bottom[0].shape[0] for item in items):
            raise self.error(f"has a region in picture {max(items)} of {bottom[0].shape[0]}")
        return items

    def _cells(
        self, region: Sequence[float], picture: Tensor
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """First and end of each row and each column of a region's grid."""
        param = self.settings
        left, first, right, last = (_rounded(side * param.spatial_scale) for side in region[1:])
        return (
            _cuts(first, last, param.pooled_h, picture.shape[1]),
            _cuts(left, right, param.pooled_w, picture.shape[2]),
        )


def _rounded(value: float) -> int:
    """As C's round(): halves away from 0."""
    whole = int(abs(value) + 0.5)
    return whole if value >= 0 else -whole


def _cuts(first: int, last: int, count: int, size: int) -> list[tuple[int, int]]:
    length = max(last - first + 1, 1)
    found = []
    for index in range(count):
        start, end = index * length // count + first, -(-(index + 1) * length // count) + first
        found.append((min(max(start, 0), size), min(max(end, 0), size)))
    return found
