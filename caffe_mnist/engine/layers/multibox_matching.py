"""Which priors of an SSD belong to which true boxes, and which of the others are learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.layers import boxes

BIPARTITE = 0
MAX_NEGATIVE, HARD_EXAMPLE = 1, 2
OUTSIDE = -2
LEAST_OVERLAP = 1e-6


@dataclass(frozen=True)
class Matches:
    """Of K priors, the true box of each (-1: none, -2: not to be used) and their overlap."""

    indices: Tensor
    overlaps: Tensor


def match(truth: Tensor, places: Tensor, param: Any) -> Matches:
    """Match `places` (K × 4; priors or predictions) with true boxes (G × 4).

    First each true box gets the place that overlaps it most, the largest overlap first; then,
    unless the matching is BIPARTITE, each place that is left the true box that it overlaps most,
    if by `overlap_threshold` or more.
    """
    found = torch.full((len(places),), -1, dtype=torch.int64)
    usable = torch.ones(len(places), dtype=torch.bool)
    if param.ignore_cross_boundary_bbox:
        usable = ((places >= 0) & (places <= 1)).all(1).cpu()
        found[~usable] = OUTSIDE
    if not len(truth):
        return Matches(found, torch.zeros(len(places)))
    shared = boxes.overlaps(places, truth).cpu()
    shared[(shared <= LEAST_OVERLAP) | ~usable[:, None]] = 0
    best = shared.max(1).values
    left = shared.clone()
    for _ in range(len(truth)):
        place, box = divmod(int(left.argmax()), len(truth))
        if not left[place, box] > 0:
            break
        found[place], best[place] = box, shared[place, box]
        left[place, :] = 0
        left[:, box] = 0
    if param.match_type != BIPARTITE:
        largest, nearest = shared.max(1)
        more = (found == -1) & (largest >= param.overlap_threshold) & (largest > 0)
        found = torch.where(more, nearest, found)
    return Matches(found, best)


def mine(
    matches: Matches, losses: Tensor, places: Tensor, param: Any, mining: int
) -> tuple[Tensor, Tensor]:
    """What of the priors of one picture is learnt from: true boxes' indices, and background.

    MAX_NEGATIVE: all matches, and of the priors that overlap nothing by `neg_overlap` those of
    the largest losses, `neg_pos_ratio` times as many as matches. HARD_EXAMPLE: of all priors the
    `sample_size` of the largest losses. With an nms_param, doubles among `places` are left out.
    """
    indices = matches.indices
    if mining == MAX_NEGATIVE:
        eligible = (indices == -1) & (matches.overlaps < param.neg_overlap)
        most = int(int((indices >= 0).sum()) * param.neg_pos_ratio)
    else:
        eligible, most = torch.ones_like(indices, dtype=torch.bool), param.sample_size
    candidates = eligible.nonzero().reshape(-1)
    if param.HasField("nms_param") and param.nms_param.nms_threshold > 0:
        kept = boxes.suppress(places.cpu()[candidates], losses[candidates], param.nms_param)
        order = candidates[kept]
    else:
        order = candidates[torch.sort(losses[candidates], descending=True, stable=True).indices]
    chosen = torch.zeros_like(eligible)
    chosen[order[:most]] = True
    negatives = ((indices == -1) & chosen).nonzero().reshape(-1)
    if mining == HARD_EXAMPLE:
        indices = torch.where((indices >= 0) & ~chosen, torch.full_like(indices, -1), indices)
    return indices, negatives
