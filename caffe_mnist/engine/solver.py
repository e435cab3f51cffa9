"""The solver: the loop of iterations, tests, display and snapshots.

The order of events within an iteration, what is logged and when, and what a snapshot holds are
Caffe 1.0's. The solver knows no signals: after each iteration it asks its `action` callback.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import torch

from caffe_mnist.engine import going_on, others
from caffe_mnist.engine.asked import Action
from caffe_mnist.engine.clipping import Clipping
from caffe_mnist.engine.compiled import CompiledPasses
from caffe_mnist.engine.glog import info, number
from caffe_mnist.engine.hdf5_files import is_hdf5
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.loss_scale import LossScale
from caffe_mnist.engine.net import Given, Net
from caffe_mnist.engine.plateau import Plateau
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.rate import Rate
from caffe_mnist.engine.recorded import RecordedIteration
from caffe_mnist.engine.running_state import RunningState
from caffe_mnist.engine.snapshot import (
    SolverState,
    check_prefix,
    learned_net,
    read_state,
    restore_history,
    snapshot_names,
    write_state,
)
from caffe_mnist.engine.solver_log import Display, log_outputs
from caffe_mnist.engine.solver_nets import (
    test_net_params,
    test_net_sources,
    train_net_param,
    train_net_source,
)
from caffe_mnist.engine.solver_run import Callback, Run
from caffe_mnist.engine.updates import Step, rules
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2

BINARY_PLACES = ("solver.cpp:464", "sgd_solver.cpp:284")
HDF5_PLACES = ("solver.cpp:474", "sgd_solver.cpp:296")


class Solver:
    """A training net, its test nets, and the rule that updates what they share."""

    def __init__(self, param: caffe_pb2.SolverParameter, run: Run | None = None) -> None:
        """Build the nets; raises CaffeMnistError naming what is wrong in solver or nets."""
        self.param, self.run = param, run or Run()
        self.team = self.run.team
        # Each draws numbers of its own, as in Caffe; the root those of a solver alone.
        seed = param.random_seed + self.team.rank if param.random_seed >= 0 else None
        if param.average_loss < 1:
            what = f"average_loss {param.average_loss} is not 1 or more"
            raise CaffeMnistError(what, where="solver")
        if param.snapshot and self.team.is_root:
            check_prefix(param.snapshot_prefix)
        self.generator = generator = self.run.generator or RandomNumbers(seed)
        net_param = train_net_param(param)
        info(*train_net_source(param))
        self.net = self._build(net_param, caffe_pb2.TRAIN, generator)
        self._load_own_weights(self.net)
        self.test_nets: list[Net] = []
        sources = test_net_sources(param)
        for index, net_param in enumerate(test_net_params(param) if self.team.is_root else ()):
            source = next(sources)
            info("solver.cpp:190", f"Creating test net (#{index}) specified by {source}")
            self.test_nets.append(self._build(net_param, caffe_pb2.TEST, generator))
            self.test_nets[-1].debug_info = param.debug_info
            self._load_own_weights(self.test_nets[-1])
        self.rule = rules.get(param.type, where="type")(param, self.net.parameters.learnables)
        self.rate = Rate(param)
        scaled = self.run.precision.scaled
        self.loss_scale = LossScale(self.run.device) if scaled else None
        self.iteration = 0
        self.stopped = False
        self.callbacks: list[Callback] = []
        self._losses: deque[torch.Tensor] = deque(maxlen=param.average_loss)
        self._recorded: RecordedIteration | None = None
        self._compiled = self._compiled_passes()
        self._restored_losses: list[float] = []
        # Where everything was when the test began that is running now.
        self._before_test: RunningState | None = None
        self._clipping = Clipping(param.clip_gradients, self._gradients)
        self._display = Display(param.display, self.iteration)
        # What the running state holds beside, for those who train with this solver.
        self.more: dict[str, Any] = {}
        self.team.join(self)
        info("solver.cpp:57", "Solver scaffolding done.")

    @property
    def plateau(self) -> Plateau | None:
        """Of the policy `plateau`: when it lowers the rate."""
        return self.rate.plateau

    def solve(self, resume: str | None = None) -> None:
        """Train to max_iter, or until asked to stop; with `resume`, from that solver state."""
        info("solver.cpp:289", f"Solving {self.net.name}")
        info("solver.cpp:290", f"Learning Rate Policy: {self.param.lr_policy}")
        self.stopped = False
        if self.param.snapshot_after_train and self.team.is_root:
            check_prefix(self.param.snapshot_prefix)
        if resume:
            info("solver.cpp:295", f"Restoring previous solver status from {resume}")
            self.restore(resume)
        self.step(self.param.max_iter - self.iteration)
        if self.param.snapshot_after_train and not self._snapshot_is_due(self.iteration):
            self.snapshot()
        if self.stopped:
            info("solver.cpp:311", "Optimization stopped early.")
            return
        if not self.team.is_root:
            return
        if self.param.display and self.iteration % self.param.display == 0:
            self._losses.append(self.net.forward())
            loss = number(self._smoothed_loss())
            info("solver.cpp:327", f"Iteration {self.iteration}, loss = {loss}")
        if self.param.test_interval and self.iteration % self.param.test_interval == 0:
            self.test_all()
        info("solver.cpp:332", "Optimization Done.")

    def step(self, iterations: int) -> None:
        """Train for so many iterations, or until asked to stop."""
        param = self.param
        end = self.iteration + iterations
        self._losses.clear()
        device = self.run.device
        self._losses.extend(torch.tensor(loss, device=device) for loss in self._restored_losses)
        self._restored_losses = []
        self._display = Display(param.display, self.iteration)
        while self.iteration < end:
            self.net.parameters.clear_diffs()
            if self._test_is_due(self.iteration):
                with self.team.testing():
                    self.test_all()
                self.stopped = self.team.wait_for_root(self.stopped)
                if self.stopped:
                    break
            for callback in self.callbacks:
                callback.on_start()
            display = bool(param.display) and self.iteration % param.display == 0
            self.net.debug_info = display and param.debug_info
            if self._records():
                self._recorded_iteration(display)
            else:
                self._losses.append(self._forward_backward())
                if display:
                    self._log_iteration()
                if self.plateau is not None:
                    self.plateau.note(self.iteration, self.team.same(self._smoothed_loss()))
                for callback in self.callbacks:
                    callback.on_gradients_ready()
                self.apply_update(display)
            self.iteration += 1
            action = self.team.action()
            if self.team.is_noting() or self.iteration == end:
                others.note(self)
            if self._snapshot_is_due(self.iteration) or action is Action.SNAPSHOT:
                self.snapshot()
            if action is Action.STOP:
                self.stopped = True
                break

    def test_all(self) -> None:
        """Run every test net and log the means of its outputs."""
        # A snapshot in the middle resumes before the tests, which are made again then.
        self._before_test = self._running_state()
        for index in range(len(self.test_nets)):
            if self.stopped:
                return
            self.test(index)
        self._before_test = None

    def test(self, index: int) -> list[tuple[str, float]] | None:
        """Run test net `index` over its test_iter batches; None when asked to stop.

        Returns the mean of each output value with its blob's name.
        """
        info("solver.cpp:347", f"Iteration {self.iteration}, Testing net (#{index})")
        net, batches = self.test_nets[index], self.param.test_iter[index]
        net.share_parameters(self.net)
        sums: dict[str, torch.Tensor] = {}
        loss = 0.0
        for _ in range(batches):
            action = self.team.action()
            if action is Action.SNAPSHOT:
                self.snapshot()
            elif action is Action.STOP:
                self.stopped = True
                info("solver.cpp:396", "Test interrupted.")
                return None
            batch_loss = net.forward()
            if self.param.test_compute_loss:
                loss += float(batch_loss)
            for name in net.outputs:
                values = net.blobs[name].data
                sums[name] = sums[name] + values if name in sums else values.clone()
        if self.param.test_compute_loss:
            info("solver.cpp:401", f"Test loss: {number(loss / batches if batches else math.nan)}")
        means = [
            (name, value / batches)
            for name in net.outputs
            if name in sums  # a test_iter of 0 tests nothing
            for value in sums[name].flatten().tolist()
        ]
        log_outputs(net, means, "solver.cpp:414", "Test")
        return means

    def snapshot(self) -> tuple[str, str]:
        """Write weights, then state; returns the two names. In a team the root alone writes."""
        as_hdf5 = self.param.snapshot_format == caffe_pb2.SolverParameter.HDF5
        kind = "HDF5 file" if as_hdf5 else "binary proto file"
        prefix, places = self.param.snapshot_prefix, HDF5_PLACES if as_hdf5 else BINARY_PLACES
        weights, state = snapshot_names(prefix, self.iteration, as_hdf5)
        if not self.team.is_root:
            return weights, state
        info(places[0], f"Snapshotting to {kind} {weights}")
        save_weights(self.net, weights, self.param.snapshot_diff)
        info(places[1], f"Snapshotting solver state to {kind} {state}")
        step = self.rate.steps(self.iteration)
        running = (self._before_test or self._running_state()).to_bytes()
        write_state(state, SolverState(self.iteration, weights, step, self.rule.history, running))
        self.run.wrote(state)
        return weights, state

    def restore(self, path: str) -> None:
        """Go on from a solver state and its weights, and in the data where it was taken."""
        state = read_state(path)
        load_weights(self.net, learned_net(path, state))
        restore_history(self.rule.history, state, path)
        self.iteration = state.iteration
        self._recorded = None
        self.rate.go_on(state.current_step, self.iteration, path)
        if not is_hdf5(path):
            info("sgd_solver.cpp:336", "SGDSolver: restoring history")
        if self.run.resume_data:
            self.seek(self.iteration * self.team.size)
            for net, batches in zip(self.test_nets, self.param.test_iter):
                net.skip_to(self._tests_before() * batches)
            self._restored_losses = going_on.bring_back(self, state.running, path)

    def seek(self, taken: int) -> None:
        """Go on in the data: all solvers together have taken so many batches in each pass."""
        passes = max(self.param.iter_size, 1)
        self.net.skip_to(self.iteration * passes, taken * passes)

    def rate_state(self) -> dict[str, Any]:
        """What updates depend on beside the iteration: of the learning rate, and fp16's scale."""
        return {**self.rate.kept(), "loss_scale": self.loss_scale and self.loss_scale.kept()}

    def take_rate_state(self, state: dict[str, Any]) -> None:
        """Let updates be those of the solver whose `rate_state` this is."""
        self.rate.restore(state)
        if self.loss_scale is not None:
            self.loss_scale.restore(state["loss_scale"])

    def _running_state(self) -> RunningState:
        return going_on.running_state(self, [float(loss) for loss in self._losses])

    def load_weights(self, path: str) -> None:
        """Start from the weights of `path`, in the training net and so in the test nets."""
        load_weights(self.net, path, info)

    def close(self) -> None:
        """End the nets' threads."""
        for net in [self.net, *self.test_nets]:
            net.close()

    def _build(self, param: caffe_pb2.NetParameter, phase: int, generator: RandomNumbers) -> Net:
        self.run.prepare(param)
        surroundings = Surroundings(
            phase, self.run.device, generator, self.team, self.run.precision
        )
        return Net(param, surroundings, info)

    def _load_own_weights(self, net: Net) -> None:
        """Load the solver's `weights` into a net; each may name several files."""
        if not self.team.is_root:  # the root's are shared
            return
        for paths in self.param.weights:
            for path in filter(None, map(str.strip, paths.split(","))):
                info("solver.cpp:72", f"Finetuning from {path}")
                load_weights(net, path, info)

    def looks_next(self) -> bool:
        """Whether a snapshot or a test follows the iteration that begins now."""
        after = self.iteration + 1
        return self._snapshot_is_due(after) or self._test_is_due(after)

    def _test_is_due(self, iteration: int) -> bool:
        interval = self.param.test_interval
        if not interval or iteration % interval:
            return False
        return iteration > 0 or self.param.test_initialization

    def _snapshot_is_due(self, iteration: int) -> bool:
        every = self.param.snapshot
        return bool(every and not iteration % every) or iteration in self.run.snapshot_at

    def _tests_before(self) -> int:
        """How many tests an uninterrupted run has made before this iteration begins."""
        interval = self.param.test_interval
        if not interval or not self.iteration:
            return 0
        return -(-self.iteration // interval) - (not self.param.test_initialization)

    def _forward_backward(self) -> torch.Tensor:
        passes = max(self.param.iter_size, 1)
        loss = self._pass()
        for _ in range(passes - 1):
            loss = loss + self._pass()
        return loss / passes if passes > 1 else loss

    def _pass(self) -> torch.Tensor:
        if self._compiled is not None and not self.param.debug_info:
            return self._compiled.run(self.net.draw())
        loss = self.net.forward()
        self._backward()
        return loss

    def _given_pass(self, given: Given) -> torch.Tensor:
        """Both passes with what comes from outside."""
        self.net.given = given
        try:
            loss = self.net.forward()
            self._backward()
        finally:
            self.net.given = {}
        return loss

    def _compiled_passes(self) -> CompiledPasses | None:
        wanted = self.run.compiled
        if wanted is None:
            return None
        if self.loss_scale is not None:
            info("compiled.py:1", "-compile: not compiled: fp16 scales its losses")
            return None
        return CompiledPasses(self.net, self._given_pass, wanted.choices, wanted.compiler)

    def _backward(self) -> None:
        if self.loss_scale is None:
            self.net.backward()
        else:
            self.loss_scale.backward(self.net)

    def apply_update(self, display: bool = False) -> None:
        """Change the parameters by their gradients; with `display`, log the learning rate."""
        rate = self.rate.at(self.iteration)
        if display:
            self._log_rate(rate)
        self._update(rate * self.rule.factor(self.iteration))
        if display:
            self._clipping.display()

    def _update(self, rate: float | torch.Tensor) -> None:
        skipped = None if self.loss_scale is None else self.loss_scale.unscale(self.net)
        waiting = not (self._records() or self.run.device.type != "cpu")
        scale = self._clipping.factor(waiting=waiting) / max(self.param.iter_size, 1)
        self.rule.update(Step(self.iteration, rate, scale, skipped))

    def _records(self) -> bool:
        """Whether iterations are to be recorded: nobody looks into them."""
        if self._compiled is not None and self._compiled.undecided:
            return False
        watched = bool(self.callbacks) or self.param.debug_info or self.plateau is not None
        return bool(self.run.recorder) and not watched

    def _recorded_iteration(self, display: bool) -> None:
        """Passes and update as one; the log is that of the passes, then that of the update."""
        if self._recorded is None:
            assert self.run.recorder is not None
            passes = max(self.param.iter_size, 1)
            self._recorded = RecordedIteration(self.net, passes, self._compute, self.run.recorder)
        rate = self.rate.at(self.iteration)
        self._losses.append(self._recorded.run(rate * self.rule.factor(self.iteration)))
        if display:
            self._log_iteration()
            self._log_rate(rate)
            self._clipping.display()

    def _compute(self, given: list[Given], rate: torch.Tensor) -> torch.Tensor:
        """One iteration from what each pass gets from outside, by a rate on the device."""
        self.net.parameters.clear_diffs()
        run = self._given_pass if self._compiled is None else self._compiled.run
        losses = [run(one) for one in given]
        self._update(rate)
        return torch.stack(losses).sum() / len(losses) if len(losses) > 1 else losses[0]

    def _log_rate(self, rate: float) -> None:
        info("sgd_solver.cpp:112", f"Iteration {self.iteration}, lr = {number(rate)}")

    def _gradients(self) -> list[torch.Tensor]:
        return [item.parameter.diff for item in self.net.parameters.learnables]

    def _log_iteration(self) -> None:
        self._display.log(self.net, self.iteration, self._smoothed_loss())

    def _smoothed_loss(self) -> float:
        return float(torch.stack(list(self._losses)).mean())
