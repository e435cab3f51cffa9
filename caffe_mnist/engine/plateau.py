"""When `lr_policy: "plateau"` lowers the rate: after so many iterations without a new minimum.

The loss is the displayed one, the mean of the last `average_loss`. A window is the number of
iterations that the rate waits after the last new minimum or the last step: `stepvalue` gives one
for each step (after the last there are no more), `stepsize` the same for all. With
SSD's `plateau_winsize` in place of `stepvalue`, its solvers mean here what they mean there. A
solver state keeps what has to be known to go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from caffe_mnist.engine.glog import info
from caffe_mnist.engine.lr_policy import split_policy
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2, forks


@dataclass(frozen=True)
class PlateauState:
    """The steps taken, the least loss, and the iteration of the last step or new minimum."""

    steps: int = 0
    minimum_loss: float = math.inf
    last_event: int = 0


class Plateau:
    """Follows the loss of a solver; `steps` is how often the rate was lowered."""

    def __init__(self, param: caffe_pb2.SolverParameter) -> None:
        """Raises CaffeMnistError for windows that are none, and without a gamma."""
        windows = list(forks.settings(param, "ssd").plateau_winsize) or list(param.stepvalue)
        self.windows: Sequence[int] = windows
        self.every = 0 if windows else param.stepsize
        if min(windows or [self.every]) < 1:
            raise CaffeMnistError(
                "lr_policy plateau needs a window: how many iterations without a new minimum",
                where="stepsize",
                hint="stepsize for all, or a stepvalue for each step; each 1 or more",
            )
        if not param.HasField("gamma"):  # 0 is its default: the rate's end, without a word
            raise CaffeMnistError(
                "lr_policy plateau needs a gamma",
                where="gamma",
                hint="what a step multiplies the rate with, such as 0.1",
            )
        self.state = PlateauState()

    @staticmethod
    def of(param: caffe_pb2.SolverParameter) -> Plateau | None:
        """That of a solver whose policy is `plateau`."""
        return Plateau(param) if split_policy(param.lr_policy)[1] == "plateau" else None

    @property
    def steps(self) -> int:
        """The steps taken."""
        return self.state.steps

    def note(self, iteration: int, loss: float) -> None:
        """The displayed loss of an iteration; perhaps a step is due."""
        state = self.state
        steps, least, event = state.steps, state.minimum_loss, state.last_event
        if loss < least:
            least, event = loss, iteration
        window = self._window(steps)
        if iteration - event >= window:
            steps, event = steps + 1, iteration
            info("sgd_solver.cpp:84", f"Plateau Status: Iteration {iteration}, step = {steps}")
        self.state = PlateauState(steps, least, event)

    def kept(self) -> list[float]:
        """What a solver state has to hold."""
        return list(astuple(self.state))

    def restore(self, kept: Sequence[float]) -> None:
        """Go on from what `kept` gave; raises ValueError or TypeError for anything else."""
        steps, least, event = kept
        if steps < 0 or event < 0:
            raise ValueError(f"no state: {kept}")
        self.state = PlateauState(int(steps), float(least), int(event))

    def _window(self, steps: int) -> float:
        if self.every:
            return self.every
        return self.windows[steps] if steps < len(self.windows) else math.inf
