"""ROIPooling, by plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients, tops

LAYER = (
    'layer {{ name: "y" type: "ROIPooling" bottom: "x" bottom: "rois" top: "y" '
    "roi_pooling_param {{ pooled_h: {} pooled_w: {} spatial_scale: 0.5 }} }}"
)
ROIS = torch.tensor(
    [[0, 0, 0, 15, 11], [1, 3, 3, 9, 5], [1, 4, 4, 4, 4], [0, 10, 8, 40, 40], [0, 50, 50, 60, 60]],
    dtype=torch.float32,
)


def pooled(x: Tensor, rois: Tensor, rows: int, columns: int) -> Tensor:
    """The largest value of each cell, one value after the other."""
    y = torch.zeros(len(rois), x.shape[1], rows, columns)
    for r, (item, *sides) in enumerate(rois.tolist()):
        left, top, right, bottom = (math.floor(side * 0.5 + 0.5) for side in sides)
        height, width = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for c in range(x.shape[1]):
            for i in range(rows):
                for j in range(columns):
                    best = None
                    for h in range(
                        top + math.floor(i * height / rows),
                        top + math.ceil((i + 1) * height / rows),
                    ):
                        for w in range(
                            left + math.floor(j * width / columns),
                            left + math.ceil((j + 1) * width / columns),
                        ):
                            if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
                                value = float(x[int(item), c, h, w])
                                best = value if best is None else max(best, value)
                    y[r, c, i, j] = 0.0 if best is None else best
    return y


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 4), (1, 1)])
def test_values_and_gradient(rows: int, columns: int) -> None:
    """Regions inside, tiny, reaching out and outside; overlapping ones add up on the way back."""
    x = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(1))
    net = build(LAYER.format(rows, columns), {"x": x, "rois": ROIS})
    (y,) = tops(net)
    assert torch.equal(y, pooled(x, ROIS, rows, columns))
    check_gradients(net, ["x"], step=1e-3, tolerance=5e-2)


def test_misuse() -> None:
    """A region in a picture that is not there; no grid."""
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(CaffeMnistError, match="a region in picture 1 of 1"):
        tops(build(LAYER.format(2, 2), {"x": x, "rois": ROIS}))
    with pytest.raises(CaffeMnistError, match="positive pooled_h and pooled_w"):
        build(LAYER.format(0, 2), {"x": x, "rois": ROIS})
