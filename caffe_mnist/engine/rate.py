"""The learning rate of a solver as it goes on: its policy, and the steps that were taken."""

from __future__ import annotations

from typing import Any

from caffe_mnist.engine.glog import info, number, warning
from caffe_mnist.engine.lr_policy import current_step, learning_rate, split_policy, stepped_rate
from caffe_mnist.engine.plateau import Plateau
from caffe_mnist.schema import caffe_pb2


class Rate:
    """`at` an iteration; `plateau` follows the loss where the policy wants that."""

    def __init__(self, param: caffe_pb2.SolverParameter) -> None:
        """Raises CaffeMnistError for a policy that is none."""
        self._param = param
        self.plateau = Plateau.of(param)
        # How many steps `multistep` has taken, where a solver state says otherwise than the solver.
        self._step: int | None = None
        learning_rate(param, 0)

    def at(self, iteration: int) -> float:
        """The rate of this iteration, `multistep` from the steps that a restored state has taken.

        As Caffe's, which takes at most one more in an iteration, and none back; the log says so.
        """
        if split_policy(self._param.lr_policy)[1] != "multistep":
            return self._at(iteration)
        before = self.steps(iteration)
        rate = self._at(iteration)
        if self.steps(iteration + 1) > before:
            what = f"MultiStep Status: Iteration {iteration}, step = {before + 1}"
            info("sgd_solver.cpp:50", what)
        return rate

    def _at(self, iteration: int) -> float:
        param = self._param
        if self._step is not None:
            values = param.stepvalue
            if self._step < len(values) and iteration >= values[self._step]:
                self._step += 1
            if self._step != current_step(param, iteration):
                warmup, _ = split_policy(param.lr_policy)
                return stepped_rate(param, self._step) * warmup.part(iteration)
            self._step = None
        steps = 0 if self.plateau is None else self.plateau.steps
        return learning_rate(param, iteration, steps)

    def steps(self, iteration: int) -> int:
        """The steps taken before this iteration, as a solver state holds them."""
        step = self._step if self.plateau is None else self.plateau.steps
        if step is None:
            return current_step(self._param, iteration - 1) if iteration else 0
        return step

    def go_on(self, steps: int, iteration: int, path: str) -> None:
        """Take the steps of the state `path`; says where the stepvalues would make others of it."""
        param = self._param
        self._step = None
        _, policy = split_policy(param.lr_policy)
        if policy != "multistep" or steps == self.steps(iteration):
            return
        self._step = steps
        ours = current_step(param, iteration)
        values = param.stepvalue
        now = steps + (steps < len(values) and iteration >= values[steps])
        if now != ours:
            warning(
                "sgd_solver.cpp:1",
                f"{path} has taken {steps} step(s) of lr_policy multistep, by the solver's "
                f"stepvalue it would be {ours} at iteration {iteration}: as in Caffe the "
                f"state's count goes, so lr = {number(stepped_rate(param, now))}, not "
                f"{number(learning_rate(param, iteration))}",
            )

    def kept(self) -> dict[str, Any]:
        """What rates depend on beside the iteration."""
        return {"step": self._step, "plateau": self.plateau and self.plateau.kept()}

    def restore(self, kept: dict[str, Any]) -> None:
        """Let rates be those of which `kept` came."""
        self._step = kept["step"]
        if self.plateau is not None:
            self.plateau.restore(kept["plateau"])
