"""Loss scaling for fp16: gradients are computed too large by a factor, so that none becomes 0.

The factor begins at 2¹⁶ and doubles after 2000 iterations without an infinity among the
gradients; an iteration with one changes nothing, and halves the factor. All of it stays on the
device, so that nothing waits for it. (These are the rule and the numbers of PyTorch's own
scaler.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from caffe_mnist.engine.net import Net

START, GROWTH, BACKOFF, INTERVAL = 2.0**16, 2.0, 0.5, 2000


class LossScale:
    """The factor, and whether the last gradients were all finite."""

    def __init__(self, device: torch.device) -> None:
        """Begin at 2¹⁶."""
        self.factor = torch.full((), START, device=device)
        self.overflow = torch.zeros((), device=device)
        self._since = torch.zeros((), dtype=torch.int32, device=device)

    def kept(self) -> list[float]:
        """What a solver state has to hold: the factor, and the iterations since it changed."""
        return [float(self.factor), float(self._since)]

    def restore(self, kept: Sequence[float]) -> None:
        """Go on from what `kept` gave; raises ValueError or TypeError for anything else."""
        factor, since = kept
        if not 0 < factor < float("inf") or not 0 <= since < 2**31:
            raise ValueError(f"no scale: {kept}")
        self.factor.fill_(factor)
        self._since.fill_(int(since))

    def backward(self, net: Net) -> None:
        """The net's backward pass, with every loss weighing `factor` times as much."""
        losses = [
            blob
            for index, weights in enumerate(net.loss_weights)
            for blob, weight in zip(net.tops[index], weights)
            if weight
        ]
        plain = [blob.diff for blob in losses]
        for blob in losses:
            blob.diff = blob.diff * self.factor
        net.backward()
        for blob, diff in zip(losses, plain):
            blob.diff = diff

    def unscale(self, net: Net) -> torch.Tensor:
        """Divide the parameters' gradients; returns 1.0 where one was not finite, else 0.0."""
        self.overflow.zero_()
        gradients = [
            item.parameter.diff for item in net.parameters.learnables if item.parameter.has_gradient
        ]
        if gradients:
            torch._amp_foreach_non_finite_check_and_unscale_(
                gradients, self.overflow, self.factor.reciprocal()
            )
        torch._amp_update_scale_(self.factor, self._since, self.overflow, GROWTH, BACKOFF, INTERVAL)
        return self.overflow
