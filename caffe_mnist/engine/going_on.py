"""A solver's running state: taken for a snapshot, and brought back by a resume."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from caffe_mnist.engine.glog import warning
from caffe_mnist.engine.running_state import RunningState

if TYPE_CHECKING:
    from caffe_mnist.engine.solver import Solver


def running_state(solver: Solver, losses: list[float]) -> RunningState:
    """Where `solver` is now; `losses` are those that its display is the mean of."""
    found = RunningState.of(solver.generator, solver.net, solver.test_nets)
    more = dict(solver.more)
    if solver.plateau is not None:
        more["plateau"] = solver.plateau.kept()
    if solver.loss_scale is not None:
        more["loss_scale"] = solver.loss_scale.kept()
    return replace(found, losses=losses, more=more)


def bring_back(solver: Solver, content: bytes, path: str) -> list[float]:
    """Places in the data and random numbers as they were; returns the losses of the display.

    `content` is that of the solver state at `path`, nothing in a state of Caffe's. What does not
    fit, because the net is another one, stays as it would be without, and is warned of.
    """
    if not content:
        return []
    try:
        found = RunningState.from_bytes(content)
    except ValueError as error:
        warning("solver.cpp:1", f"{path}: random numbers begin anew: {error}")
        return []
    for fault in found.restore(solver.generator, solver.net, solver.test_nets):
        warning("solver.cpp:1", f"{path}: does not go on where it was: {fault}")
    solver.more = found.more
    if solver.plateau is not None and "plateau" in found.more:
        try:
            solver.plateau.restore(found.more["plateau"])
        except (TypeError, ValueError, OverflowError) as error:
            warning("solver.cpp:1", f"{path}: does not go on where it was: plateau ({error})")
    if solver.loss_scale is not None and "loss_scale" in found.more:
        try:
            solver.loss_scale.restore(found.more["loss_scale"])
        except (TypeError, ValueError) as error:
            warning("solver.cpp:1", f"{path}: the loss scale begins anew: {error}")
    return found.losses
