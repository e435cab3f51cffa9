"""MultiBoxLoss: what an SSD learns from, locations and classes at once. A layer of SSD's fork.

Bottoms: locations N × 4 K (times classes unless shared), scores N × K classes, priors
1 × 2 × 4 K, and true boxes 1 × 1 × G × 8: number of the picture in the batch (-1: none), class,
instance, left, top, right, bottom, difficult. Top: (loc_weight × the sum over matched priors of
the locations' loss + the sum over matches and mined background of the classes' loss) / the
number of matches (or as loss_param says).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.engine.layers import boxes
from caffe_mnist.engine.layers import multibox_matching as matching
from caffe_mnist.engine.layers.detection_output import check_predictions
from caffe_mnist.schema import caffe_pb2, forks

SOFTMAX, SMOOTH_L1 = 0, 1
Loss = caffe_pb2.LossParameter


@layers.register("MultiBoxLoss")
class MultiBoxLoss(FunctionLayer):
    """Options of multibox_loss_param: num_classes, matching, mining, code_type, …"""

    fork = "SSD"
    repeats = False
    bottoms = (4, 4)
    loss_layer = True
    auto_tops = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.settings = forks.settings(self.param, "ssd").multibox_loss_param
        if param.num_classes < 1:
            raise self.error("needs num_classes")
        if param.background_label_id >= param.num_classes:
            raise self.error("has a background_label_id that is no class")
        self.sets = 1 if param.share_location else param.num_classes
        self.mining = param.mining_type
        if param.HasField("do_neg_mining"):  # what older nets say instead
            self.mining = int(param.do_neg_mining)
        if self.mining == matching.HARD_EXAMPLE and param.sample_size < 1:
            raise self.error("needs a positive sample_size")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The loss has no axes."""
        self.priors = check_predictions(self, bottom, self.sets, self.settings.num_classes)
        if bottom[3].count % 8:
            raise self.error(f"needs true boxes of 8 numbers each, found {bottom[3].shape}")
        top[0].reshape(())

    def allows_force_backward(self, index: int) -> bool:
        """Priors and true boxes have no gradient."""
        return index < 2

    def function(self, *inputs: Tensor) -> Tensor:
        """The weighted sum of both losses."""
        param, number = self.settings, inputs[0].shape[0]
        locations = inputs[0].reshape(number, self.priors, self.sets, 4)
        scores = inputs[1].reshape(number, self.priors, param.num_classes)
        self.corners, self.variances = inputs[2].detach().reshape(2, self.priors, 4)
        truth = self._truth(inputs[3].detach(), number)
        self.matches = 0
        place_loss = class_loss = scores.new_zeros(())
        for item in range(number):
            one, other = self._item(locations[item], scores[item], truth[item])
            place_loss, class_loss = place_loss + one, class_loss + other
        loss: Tensor = (place_loss * param.loc_weight + class_loss) / self._normalizer(number)
        return loss

    def _item(self, locations: Tensor, scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The sums of both losses of one picture."""
        param, background = self.settings, self.settings.background_label_id
        found = []
        for k in range(self.sets):
            mine = torch.ones(len(truth), dtype=torch.bool)
            if self.sets > 1:
                if k == background:
                    continue
                mine = (truth[:, 1] == k).cpu()
            own = mine.nonzero().reshape(-1)
            places = self.corners
            if not param.use_prior_for_matching:
                places = self._decoded(locations[:, k])
            matched = matching.match(truth[own][:, 3:7], places, param)
            indices = matched.indices
            if len(own):
                indices = torch.where(indices >= 0, own[indices.clamp_min(0)], indices)
            found.append((k, matching.Matches(indices, matched.overlaps)))
        labels = torch.full((self.priors,), background, dtype=torch.int64)
        for _, one in found:
            labels = self._labels(labels, one.indices, truth)
        chosen, negatives = self._mined(found, locations, scores, truth, labels)
        place_loss = locations.new_zeros(())
        rows: list[Tensor] = [negatives]
        wanted: list[Tensor] = [torch.full_like(negatives, background)]
        for k, indices in chosen:
            positive = (indices >= 0).nonzero().reshape(-1)
            self.matches += len(positive)
            place_loss = place_loss + self._place_losses(locations[:, k], indices, truth).sum()
            rows.append(positive)
            wanted.append(self._labels(labels, indices, truth)[positive])
        if self.mining == 0:  # every prior counts
            rows, wanted = [torch.arange(self.priors)], [labels]
        losses = self._class_losses(scores[torch.cat(rows)], torch.cat(wanted))
        return place_loss, losses.sum()

    def _mined(
        self,
        found: list[tuple[int, matching.Matches]],
        locations: Tensor,
        scores: Tensor,
        truth: Tensor,
        labels: Tensor,
    ) -> tuple[list[tuple[int, Tensor]], Tensor]:
        """The matches that are learnt from, by set of locations, and the background that is."""
        if not self.mining:
            empty = torch.zeros(0, dtype=torch.int64)
            return [(k, one.indices) for k, one in found], empty
        chosen, negatives = [], []
        with torch.no_grad():
            losses = self._class_losses(scores, labels)
            for k, one in found:
                hard = losses.clone()
                if self.mining == matching.HARD_EXAMPLE:
                    hard[one.indices >= 0] += self._place_losses(
                        locations[:, k], one.indices, truth
                    )
                places = self.corners
                if not self.settings.use_prior_for_nms:
                    places = self._decoded(locations[:, k])
                indices, rest = matching.mine(one, hard.cpu(), places, self.settings, self.mining)
                chosen.append((k, indices))
                negatives.append(rest)
        return chosen, torch.cat(negatives)

    def _place_losses(self, locations: Tensor, indices: Tensor, truth: Tensor) -> Tensor:
        """The loss of each matched prior's location."""
        param = self.settings
        rows = (indices >= 0).nonzero().reshape(-1)
        priors, variances = self.corners[rows], self.variances[rows]
        scale = None if param.encode_variance_in_target else variances
        wanted = boxes.encode(truth[indices[rows]][:, 3:7], priors, scale, param.code_type)
        codes = locations[rows]
        if param.bp_inside and param.code_type != boxes.CENTER_SIZE:
            places = priors if param.use_prior_for_matching else self._decoded(locations)[rows]
            codes = torch.where((places < 0) | (places > 1), wanted, codes)
        if param.encode_variance_in_target:
            codes, wanted = codes / variances, wanted / variances
        if param.loc_loss_type == SMOOTH_L1:
            return functional.smooth_l1_loss(codes, wanted, reduction="none").sum(1)
        return (codes - wanted).square().sum(1) / 2

    def _class_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row of scores against its label."""
        labels = labels.to(scores.device)
        if self.settings.conf_loss_type == SOFTMAX:
            return functional.cross_entropy(scores, labels, reduction="none")
        targets = functional.one_hot(labels, self.settings.num_classes).to(scores.dtype)
        losses = functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
        return losses.sum(1)

    def _labels(self, labels: Tensor, indices: Tensor, truth: Tensor) -> Tensor:
        """Each prior's class: that of its true box, else what it is in `labels`."""
        if not len(truth):
            return labels
        classes = truth[:, 1].to(torch.int64).cpu()
        if self.settings.map_object_to_agnostic:
            classes = torch.full_like(classes, self.settings.background_label_id + 1)
        return torch.where(indices >= 0, classes[indices.clamp_min(0)], labels)

    def _decoded(self, codes: Tensor) -> Tensor:
        """Predicted boxes."""
        param: Any = self.settings
        scale = None if param.encode_variance_in_target else self.variances
        return boxes.decode(codes.detach(), self.corners, scale, param.code_type)

    def _truth(self, rows: Tensor, number: int) -> list[Tensor]:
        """The true boxes of each picture; raises CaffeMnistError for impossible ones."""
        rows = rows.reshape(-1, 8)
        rows = rows[rows[:, 0] != -1]
        if not self.settings.use_difficult_gt:
            rows = rows[rows[:, 7] == 0]
        for row in rows[:, :2].tolist():
            if not 0 <= row[0] < number:
                raise self.error(f"has a true box in picture {row[0]:g} of a batch of {number}")
            if not 0 <= row[1] < self.settings.num_classes:
                raise self.error(
                    f"has a true box of class {row[1]:g}, but num_classes is "
                    f"{self.settings.num_classes}"
                )
            if row[1] == self.settings.background_label_id:
                raise self.error(f"has a true box of the background's class, {row[1]:g}")
        return [rows[rows[:, 0] == item] for item in range(number)]

    def _normalizer(self, number: int) -> float:
        """The number of matches; or that of all priors, of pictures, or 1."""
        param = self.param.loss_param
        mode = param.normalization
        if not param.HasField("normalization") and param.HasField("normalize"):
            mode = Loss.VALID if param.normalize else Loss.BATCH_SIZE
        counts = {
            Loss.FULL: number * self.priors,
            Loss.VALID: self.matches,
            Loss.BATCH_SIZE: number,
        }
        return float(max(counts.get(mode, 1), 1))
