"""Boxes as SSD's fork computes with them: overlaps, encodings, and the suppression of doubles.

Boxes are rows of left, top, right, bottom; sizes are plain differences.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CORNER, CENTER_SIZE, CORNER_SIZE = 1, 2, 3


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """The intersection over the union of each of A boxes with each of B (A × B)."""
    left_top = torch.maximum(first[:, None, :2], second[None, :, :2])
    right_bottom = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = (right_bottom - left_top).clamp_min(0)
    common = sides[..., 0] * sides[..., 1]
    union = areas(first)[:, None] + areas(second)[None, :] - common
    return torch.where(common > 0, common / union, torch.zeros_like(common))


def areas(boxes: Tensor) -> Tensor:
    """Width times height; 0 for a box that is turned inside out."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0)
    return sides[:, 0] * sides[:, 1]


def encode(boxes: Tensor, priors: Tensor, variances: Tensor | None, code: int) -> Tensor:
    """How boxes differ from priors (K × 4 each), in units of the variances if these are given.

    CORNER: b - p; CORNER_SIZE: (b - p) / the prior's size; CENTER_SIZE: the centres' difference
    over the prior's size, then the logarithm of the sizes' ratio.
    """
    size = priors[:, 2:] - priors[:, :2]
    if code == CORNER:
        found = boxes - priors
    elif code == CORNER_SIZE:
        found = (boxes - priors) / torch.cat([size, size], 1)
    else:
        centres = (boxes[:, :2] + boxes[:, 2:] - priors[:, :2] - priors[:, 2:]) / 2 / size
        found = torch.cat([centres, ((boxes[:, 2:] - boxes[:, :2]) / size).log()], 1)
    return found if variances is None else found / variances


def decode(codes: Tensor, priors: Tensor, variances: Tensor | None, code: int) -> Tensor:
    """The boxes that `encode` gives these codes for."""
    if variances is not None:
        codes = codes * variances
    size = priors[:, 2:] - priors[:, :2]
    if code == CORNER:
        return priors + codes
    if code == CORNER_SIZE:
        return priors + codes * torch.cat([size, size], 1)
    centres = (priors[:, :2] + priors[:, 2:]) / 2 + codes[:, :2] * size
    half = codes[:, 2:].exp() * size / 2
    return torch.cat([centres - half, centres + half], 1)


def suppress(boxes: Tensor, scores: Tensor, param: Any, least: float | None = None) -> list[int]:
    """Which boxes are left, best first, when each one drops those that overlap it too much.

    Options of NonMaximumSuppressionParameter: nms_threshold, top_k (of how many), eta (the
    threshold shrinks by it while above 0.5). Scores must be above `least`.
    """
    order = torch.sort(scores, descending=True, stable=True).indices
    if least is not None:
        order = order[scores[order] > least]
    if param.HasField("top_k") and param.top_k > -1:
        order = order[: param.top_k]
    shared = overlaps(boxes[order], boxes[order]).cpu()
    threshold = param.nms_threshold
    kept: list[int] = []
    alive = torch.ones(len(order), dtype=torch.bool)
    for place in range(len(order)):
        if param.eta < 1:  # what was passed before is judged by the present threshold
            taken = bool((shared[place, kept] <= threshold).all())
        else:
            taken = bool(alive[place])
        if not taken:
            continue
        kept.append(place)
        alive &= shared[place] <= threshold
        if param.eta < 1 and threshold > 0.5:
            threshold *= param.eta
    return [int(order[place]) for place in kept]
