"""DetectionOutput: boxes with classes and scores, from what an SSD predicts. Of SSD's fork.

Bottoms: locations N × 4 K (times classes unless shared), scores N × K classes, and K priors
(1 × 2 × 4 K: corners, variances). Top 1 × 1 × D × 7: the picture's number in the batch, class,
score, left, top, right, bottom (the picture is 0 to 1). Without any detection there is a row for
each picture, -1 behind its number.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.layers import boxes
from caffe_mnist.schema import forks


@layers.register("DetectionOutput")
class DetectionOutput(Layer):
    """Options of detection_output_param: num_classes, nms_param, confidence_threshold, …

    `save_output_param` and `visualize` do nothing here.
    """

    fork = "SSD"
    repeats = False
    bottoms = (3, 3)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the settings."""
        param = self.settings = forks.settings(self.param, "ssd").detection_output_param
        if param.num_classes < 1:
            raise self.error("needs num_classes")
        if param.nms_param.nms_threshold < 0 or not 0 < param.nms_param.eta <= 1:
            raise self.error("needs an nms_threshold of 0 or more, and an eta from 0 to 1")
        self.sets = 1 if param.share_location else param.num_classes

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """How many detections there are is known after the pass."""
        self.priors = check_predictions(self, bottom, self.sets, self.settings.num_classes)
        top[0].reshape((1, 1, 1, 7))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Decode the locations, suppress doubles in each class, keep the best of each picture."""
        param, number = self.settings, bottom[0].shape[0]
        priors, variances = bottom[2].data.reshape(2, self.priors, 4)
        locations = bottom[0].data.reshape(number, self.priors, self.sets, 4)
        scores = bottom[1].data.reshape(number, self.priors, param.num_classes)
        scale = None if param.variance_encoded_in_target else variances
        rows = []
        for item in range(number):
            decoded = [
                boxes.decode(locations[item, :, k], priors, scale, param.code_type)
                for k in range(self.sets)
            ]
            rows += self._detections(item, decoded, scores[item])
        if not rows:
            rows = [torch.tensor([float(item), *[-1.0] * 6]) for item in range(number)]
        top[0].data = torch.stack(rows).view(1, 1, -1, 7).to(self.device)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """There is none."""
        if any(propagate_down):
            raise self.error("has no backward pass")

    def allows_force_backward(self, index: int) -> bool:
        """Nothing has a gradient."""
        return False

    def _detections(self, item: int, decoded: list[Tensor], scores: Tensor) -> list[Tensor]:
        """The rows of one picture, class by class, the best first."""
        param = self.settings
        least = param.confidence_threshold if param.HasField("confidence_threshold") else None
        found: list[tuple[float, int, int]] = []
        for label in range(param.num_classes):
            if label == param.background_label_id:
                continue
            places = decoded[label if self.sets > 1 else 0]
            kept = boxes.suppress(places, scores[:, label], param.nms_param, least)
            found += [(float(scores[index, label]), label, index) for index in kept]
        if -1 < param.keep_top_k < len(found):
            found = sorted(found, key=lambda one: -one[0])[: param.keep_top_k]
            found.sort(key=lambda one: one[1])
        rows = []
        for score, label, index in found:
            box = decoded[label if self.sets > 1 else 0][index].cpu()
            rows.append(torch.cat([torch.tensor([float(item), float(label), score]), box]))
        return rows


def check_predictions(layer: Layer, bottom: Sequence[Blob], sets: int, classes: int) -> int:
    """The number of priors; raises CaffeMnistError unless locations and scores are for these."""
    if bottom[0].shape[:1] != bottom[1].shape[:1] or not bottom[0].shape:
        raise layer.error(f"has batches of shapes {bottom[0].shape} and {bottom[1].shape}")
    priors, number = bottom[2].count // 8, bottom[0].shape[0]
    for name, blob, each in (("locations", bottom[0], 4 * sets), ("scores", bottom[1], classes)):
        if blob.count != number * priors * each:
            raise layer.error(
                f"needs {each} {name} for each of {priors} priors, found shape {blob.shape}"
            )
    return priors
