"""What watches the workers of one machine: PyTorch's elastic agent, which tells losses apart.

A worker that fails for a reason of its own leaves it, in words, in a file for the agent, which
says it once, and the job ends. One that only lost others (status LOST) or was killed is a loss,
and so is a machine that falls silent (`silence.py`).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.distributed.elastic.agent.server.api import (
    RunResult,
    WorkerGroup,
    WorkerState,
)
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent

from caffe_mnist.engine.gathering import Gathering
from caffe_mnist.engine.glog import warning
from caffe_mnist.engine.member import LOSSES, LOST, LOST_OTHERS, REASONS
from caffe_mnist.engine.silence import Silence


class Agent(LocalElasticAgent):
    """PyTorch's agent, which knows a failure from a loss and a wanted end from both."""

    folder: Path
    gathering: Gathering
    silence: Silence[Any]
    ending = False
    lost = ""

    @property
    def reasons(self) -> list[str]:
        """Why workers here failed, in the order of their ranks."""
        return texts(self.folder / REASONS)

    def _monitor_workers(self, worker_group: WorkerGroup) -> RunResult:
        result: RunResult = super()._monitor_workers(worker_group)
        if result.state is WorkerState.HEALTHY and (silent := self._silent()):
            self.lost = f"the machine {silent} has given no sign for {self.gathering.silence:g} s"
            result = RunResult(state=WorkerState.UNHEALTHY)
        elif result.is_failed():
            codes = {rank: failure.exitcode for rank, failure in result.failures.items()}
            told = texts(self.folder / LOSSES)
            workers = worker_group.workers[0].world_size if codes else 0
            self.lost = loss(codes, workers, told[0] if told else "")
            if self.ending or self.reasons:
                self._remaining_restarts = 0
        return result

    def _restart_workers(self, worker_group: WorkerGroup) -> None:
        before, wait = self.lost or "a machine joins, or lost a worker", self.gathering.waiting
        again = f"the group is formed again{f' ({wait})' if wait else ''}"
        warning("elastic.py:1", f"{before}; {again}")
        self.lost = ""
        for path in (self.folder / LOSSES).iterdir():
            path.unlink()
        super()._restart_workers(worker_group)

    def _initialize_workers(self, worker_group: WorkerGroup) -> None:
        super()._initialize_workers(worker_group)
        self.silence = Silence(self.gathering.silence)

    def _silent(self) -> str:
        """The address of a machine that takes part and has fallen silent; empty without any."""
        handler = self._worker_group.spec.rdzv_handler
        # The library keeps to itself what all machines know of each other.
        holder, here = getattr(handler, "_state_holder", None), getattr(handler, "_this_node", None)
        if holder is None or holder.state.closed:
            return ""
        signs = {
            machine: sign
            for machine, sign in holder.state.last_heartbeats.items()
            if machine != here and machine in holder.state.participants
        }
        silent = self.silence.look(signs, time.monotonic())
        return str(silent.addr) if silent is not None else ""


def loss(codes: Mapping[int, int], workers: int, told: str = "") -> str:
    """In words, what the exit codes of a group's failed workers (by rank) mean.

    `told` is what one that only lost others said of that.
    """
    # Those that only lost others, or were still there and ended by the agent, come last.
    late = {LOST: 2, -signal.SIGTERM: 1}
    own = sorted((late.get(code, 0), rank, code) for rank, code in codes.items())
    # With others elsewhere, one that the agent ended beside one that lost them is no cause.
    elsewhere = len(codes) < workers and LOST in codes.values()
    if not own or own[0][0] == late[LOST] or (own[0][0] and elsewhere):
        what = "workers on another machine were lost, or out of reach"
        return f"{what} ({told.removeprefix(LOST_OTHERS)})" if told else what
    _, rank, code = own[0]
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"worker {rank} of {workers} {how}"


def texts(folder: Path) -> list[str]:
    """What workers left in `folder`, in the order of their ranks."""
    return [path.read_text() for path in sorted(folder.iterdir())]
