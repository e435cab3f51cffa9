"""SmoothL1Loss: squared where small, straight where large. A layer of Fast R-CNN's fork.

f(d) = (sigma d)² / 2 where |d| < 1 / sigma², else |d| - 1 / (2 sigma²); the loss is the sum of
f(w_in (a - b)) w_out over the batch. Bottoms: a, b, optionally w_in, and then w_out.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import FunctionLayer, layers
from caffe_mnist.schema import forks


@layers.register("SmoothL1Loss")
class SmoothL1Loss(FunctionLayer):
    """Option: smooth_l1_loss_param.sigma (1). Top: one number without axes."""

    fork = "Fast R-CNN"
    bottoms = (2, 4)
    loss_layer = True
    auto_tops = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the setting."""
        self.sigma = forks.settings(self.param, "rcnn").smooth_l1_loss_param.sigma
        if not self.sigma > 0:
            raise self.error(f"needs a positive sigma, found {self.sigma:g}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """All bottoms have one shape."""
        if any(blob.shape != bottom[0].shape for blob in bottom) or not bottom[0].shape:
            shapes = ", ".join(str(blob.shape) for blob in bottom)
            raise self.error(f"needs bottoms of one shape, found {shapes}")
        top[0].reshape(())

    def allows_force_backward(self, index: int) -> bool:
        """Weights have no gradient."""
        return index < 2

    def function(self, *inputs: Tensor) -> Tensor:
        """The formula."""
        difference = inputs[0] - inputs[1]
        if len(inputs) > 2:
            difference = difference * inputs[2]
        beta = 1 / self.sigma**2
        losses = functional.smooth_l1_loss(
            difference, difference.new_zeros(()).expand_as(difference), reduction="none", beta=beta
        )
        if len(inputs) > 3:
            losses = losses * inputs[3]
        return losses.sum() / max(inputs[0].shape[0], 1)
