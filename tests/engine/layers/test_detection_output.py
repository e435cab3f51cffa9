"""DetectionOutput and the boxes that it works with, by plain loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from caffe_mnist.engine.layers import boxes
from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, tops

LAYER = (
    'layer {{ name: "d" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "prior" '
    'top: "d" detection_output_param {{ num_classes: 3 code_type: CENTER_SIZE {} }} }}'
)


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    one, two = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return width * height / (one + two - width * height)


def decoded(code: list[float], prior: list[float], variance: list[float]) -> list[float]:
    """One box by its centre and size."""
    width, height = prior[2] - prior[0], prior[3] - prior[1]
    x = (prior[0] + prior[2]) / 2 + code[0] * variance[0] * width
    y = (prior[1] + prior[3]) / 2 + code[1] * variance[1] * height
    w, h = math.exp(code[2] * variance[2]) * width, math.exp(code[3] * variance[3]) * height
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def expected(
    loc: Tensor, conf: Tensor, prior: Tensor, least: float, threshold: float, keep: int
) -> list[list[float]]:
    """Rows as the fork makes them, one step after the other."""
    count, rows = prior.shape[2] // 4, []
    for n in range(len(loc)):
        places = [
            decoded(
                loc[n, 4 * k : 4 * k + 4].tolist(),
                prior[0, 0, 4 * k : 4 * k + 4].tolist(),
                prior[0, 1, 4 * k : 4 * k + 4].tolist(),
            )
            for k in range(count)
        ]
        found: list[Any] = []
        for label in (1, 2):
            scores = [(float(conf[n, 3 * k + label]), k) for k in range(count)]
            kept: list[int] = []
            for score, k in sorted(scores, key=lambda one: -one[0]):
                if score > least and all(overlap(places[k], places[j]) <= threshold for j in kept):
                    kept.append(k)
                    found.append((score, label, k))
        found = sorted(found, key=lambda one: -one[0])[:keep]
        for score, label, k in sorted(found, key=lambda one: one[1]):
            rows.append([float(n), float(label), score, *places[k]])
    return rows


def inputs(count: int = 12) -> dict[str, Tensor]:
    """Random predictions over random priors."""
    random = torch.Generator().manual_seed(2)
    corners = torch.rand(count, 2, generator=random) * 0.6
    prior = torch.cat([corners, corners + 0.3], 1).reshape(1, 1, -1)
    variance = torch.tensor([0.1, 0.1, 0.2, 0.2]).repeat(count).reshape(1, 1, -1)
    return {
        "loc": torch.randn(2, 4 * count, generator=random),
        "conf": torch.rand(2, 3 * count, generator=random),
        "prior": torch.cat([prior, variance], 1),
    }


def test_against_loops() -> None:
    """Decoded, suppressed class by class, the best of each picture kept."""
    given = inputs()
    text = "nms_param { nms_threshold: 0.3 top_k: 400 } keep_top_k: 6 confidence_threshold: 0.3"
    (d,) = tops(build(LAYER.format(text), given))
    rows = expected(given["loc"], given["conf"], given["prior"], 0.3, 0.3, 6)
    assert len(rows) == 12
    assert d.shape == (1, 1, len(rows), 7)
    for found, row in zip(d[0, 0].tolist(), rows):
        assert found == pytest.approx(row, rel=1e-5, abs=1e-6)


def test_nothing_found() -> None:
    """A row for each picture, -1 behind its number."""
    text = "nms_param { nms_threshold: 0.3 } confidence_threshold: 2"
    (d,) = tops(build(LAYER.format(text), inputs()))
    assert d.tolist() == [[[[0, *[-1] * 6], [1, *[-1] * 6]]]]


@pytest.mark.parametrize("code", [boxes.CORNER, boxes.CENTER_SIZE, boxes.CORNER_SIZE])
@pytest.mark.parametrize("with_variances", [True, False])
def test_decode_undoes_encode(code: int, with_variances: bool) -> None:
    """For every code, with the variances in the code or not."""
    random = torch.Generator().manual_seed(3)
    low = torch.rand(2, 5, 2, generator=random)
    some, priors = torch.cat([low, low + 0.1 + torch.rand(2, 5, 2, generator=random)], 2)
    variances = torch.full((5, 4), 0.2) if with_variances else None
    again = boxes.decode(boxes.encode(some, priors, variances, code), priors, variances, code)
    assert torch.allclose(again, some, atol=1e-6)


def test_each_class_has_its_locations() -> None:
    """With share_location: false a class's boxes are its own."""
    given = inputs(2)
    given["loc"] = torch.randn(1, 4 * 2 * 3, generator=torch.Generator().manual_seed(1))
    given["conf"] = torch.tensor([[0.0, 0.9, 0.2, 0.0, 0.1, 0.8]])
    text = "share_location: false nms_param { nms_threshold: 1 } confidence_threshold: 0.5"
    (d,) = tops(build(LAYER.format(text), given))
    for row, (prior, label) in zip(d[0, 0].tolist(), [(0, 1), (1, 2)]):
        at = 4 * (3 * prior + label)
        sides = slice(4 * prior, 4 * prior + 4)
        box = decoded(
            given["loc"][0, at : at + 4].tolist(),
            given["prior"][0, 0, sides].tolist(),
            given["prior"][0, 1, sides].tolist(),
        )
        assert row[1] == label
        assert row[3:] == pytest.approx(box, rel=1e-5)


def test_misuse() -> None:
    """Predictions that are not for these priors."""
    given = inputs()
    given["conf"] = torch.zeros(2, 5)
    with pytest.raises(CaffeMnistError, match="needs 3 scores for each of 12 priors"):
        build(LAYER.format(""), given)
