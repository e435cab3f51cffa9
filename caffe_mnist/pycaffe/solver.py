"""pycaffe's solvers over the engine's."""

from __future__ import annotations

import os
from typing import Any, Callable, ClassVar

from caffe_mnist.engine.lr_policy import learning_rate
from caffe_mnist.engine.solver import Solver as EngineSolver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.engine.solver_run import Callback, Run
from caffe_mnist.pycaffe import memory, mode, placement
from caffe_mnist.pycaffe.failures import CaffeError, caffe_errors, check_file
from caffe_mnist.pycaffe.net import Net
from caffe_mnist.schema import caffe_pb2


class Solver:
    """A training net, its test nets and an update rule, made from a solver's prototxt.

    As in Caffe: the device is the program's (`set_mode_gpu`), not the file's; random_seed sets
    the program's stream; a restored training starts its data over. Raises CaffeError, a
    RuntimeError, for files that are not there and what cannot be.
    """

    kind: ClassVar[str] = ""

    @caffe_errors()
    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        param = read_solver(check_file(solver_file))
        if self.kind:
            param.type = self.kind
        if param.random_seed >= 0 and mode.current.solver_rank == 0:
            mode.set_random_seed(param.random_seed)
        current = mode.current
        run = Run(current.device, current.team, resume_data=False, generator=current.numbers)
        self._solver = EngineSolver(param, run)
        self._net = Net.of(self._solver.net)
        self._test_nets = [Net.of(net) for net in self._solver.test_nets]

    @property
    def net(self) -> Net:
        """The net that is trained."""
        return self._net

    @property
    def test_nets(self) -> list[Net]:
        """The nets that test, with the trained net's parameters."""
        return list(self._test_nets)

    @property
    def iter(self) -> int:
        """How many iterations are done."""
        return self._solver.iteration

    @property
    def lr(self) -> float:
        """The learning rate of the present iteration."""
        plateau = self._solver.plateau
        steps = 0 if plateau is None else plateau.steps
        return learning_rate(self._solver.param, self._solver.iteration, steps)

    @property
    def param(self) -> caffe_pb2.SolverParameter:
        """The solver's settings."""
        return self._solver.param

    @caffe_errors()
    def step(self, iterations: int) -> None:
        """Train for so many iterations."""
        self._prepare()
        self._solver.step(iterations)
        self._settle()

    @caffe_errors()
    def solve(self, resume_file: str | os.PathLike[str] | None = None) -> None:
        """Train to max_iter; with `resume_file`, from that solverstate."""
        self._prepare()
        self._solver.solve(None if resume_file is None else check_file(resume_file))
        self._settle()

    @caffe_errors()
    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take weights, histories and iteration from a .solverstate."""
        self._prepare()
        self._solver.restore(check_file(path))
        self._settle()

    @caffe_errors()
    def snapshot(self) -> None:
        """Write weights and solver state, under the solver's snapshot_prefix."""
        self._prepare()
        self._solver.snapshot()

    @caffe_errors()
    def apply_update(self) -> None:
        """Change the parameters by the gradients that they have; that is one iteration."""
        self._prepare()
        self._solver.apply_update()
        self._solver.iteration += 1
        self._settle()

    def share_weights(self, net: Net) -> None:
        """Let `net` use the values of this solver's parameters."""
        net.share_with(self._net)

    def add_callback(
        self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]
    ) -> None:
        """Call both in every iteration: at its start, and before parameters change."""
        self._solver.callbacks.append(Callback(on_start, on_gradients_ready))

    def _prepare(self) -> None:
        """Bring nets and histories to the program's device, and arrays with them."""
        device = mode.current.device
        placement.place([self._solver.net, *self._solver.test_nets], device)
        rule = self._solver.rule
        rule.history[:] = [values.to(device) for values in rule.history]
        memory.commit(self._net._parameters())

    def _settle(self) -> None:
        memory.settle(self._net._parameters())


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum."""

    kind = "SGD"


class NesterovSolver(Solver):
    """Nesterov's accelerated gradient."""

    kind = "Nesterov"


class AdaGradSolver(Solver):
    """AdaGrad."""

    kind = "AdaGrad"


class RMSPropSolver(Solver):
    """RMSProp."""

    kind = "RMSProp"


class AdaDeltaSolver(Solver):
    """AdaDelta."""

    kind = "AdaDelta"


class AdamSolver(Solver):
    """Adam."""

    kind = "Adam"


KINDS = {
    kind.kind: kind
    for kind in (
        SGDSolver,
        NesterovSolver,
        AdaGradSolver,
        RMSPropSolver,
        AdaDeltaSolver,
        AdamSolver,
    )
}


@caffe_errors()
def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """The solver of a file, of the class that its `type` names."""
    kind = read_solver(check_file(solver_file)).type
    if kind not in KINDS:
        raise CaffeError(f"unknown solver type {kind!r}", hint="known: " + ", ".join(KINDS))
    return KINDS[kind](solver_file)


class NCCL:
    """Exchange of gradients between GPUs, which this engine does not do."""

    def __init__(self, solver: Any, uid: Any) -> None:
        raise CaffeError("is not there: has_nccl() is False", where="NCCL")

    @staticmethod
    def new_uid() -> bytes:
        """Raises CaffeError."""
        raise CaffeError("is not there: has_nccl() is False", where="NCCL")
