"""Gradients kept below a norm (`clip_gradients`), as Caffe's SGD solver does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from caffe_mnist.engine.glog import info, number


class Clipping:
    """Factors for gradients so that the norm of all of them stays below `limit`.

    A negative limit is none.
    """

    def __init__(self, limit: float, gradients: Callable[[], Sequence[torch.Tensor]]) -> None:
        self._limit = limit
        self._gradients = gradients
        # The latest norm where it stays on the device.
        self._norm: torch.Tensor | None = None

    def factor(self, *, waiting: bool) -> float | torch.Tensor:
        """What gradients are to be multiplied by; with `waiting`, logged where it is not 1.

        Without, nothing waits for the device: `display` logs it.
        """
        if self._limit < 0:
            return 1.0
        norms = [gradient.norm() for gradient in self._gradients()]
        if norms and not waiting:
            self._norm = torch.stack(norms).norm()
            return torch.clamp(self._limit / self._norm, max=1)
        norm = float(torch.stack(norms).norm()) if norms else 0.0
        if norm <= self._limit:
            return 1.0
        self._log(norm)
        return self._limit / norm

    def display(self) -> None:
        """Where norms stay on the device, the log has those of displayed iterations."""
        if self._norm is not None and float(self._norm) > self._limit:
            self._log(float(self._norm))

    def _log(self, norm: float) -> None:
        limit = self._limit
        info(
            "sgd_solver.cpp:99",
            f"Gradient clipping: scaling down gradients (L2 norm {number(norm)} > "
            f"{number(limit)}) by scale factor {number(limit / norm)}",
        )
