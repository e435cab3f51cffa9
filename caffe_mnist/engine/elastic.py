"""Workers started and watched by PyTorch's elastic agent, on one machine or on several.

Each machine runs one agent, the agents meet at HOST:PORT, where the job's first machine keeps
their store. When a worker is lost, all agents stop theirs, meet again with those that are left
and start the command anew; it finds the newest snapshot by itself (`beginning.py`).
What is a loss, and what a failure that ends the job, is the agent's to know (`agent.py`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.distributed.elastic.agent.server.api import WorkerSpec
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import (
    RendezvousClosedError,
    RendezvousConnectionError,
    RendezvousError,
    RendezvousParameters,
    RendezvousTimeoutError,
)
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

from caffe_mnist.engine.agent import Agent
from caffe_mnist.engine.gathering import Gathering
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.heard import Heard, StoppedError
from caffe_mnist.engine.member import HOST, LOSSES, PLACE, REASONS, RUN
from caffe_mnist.errors import JobError

LOOK_EVERY = 0.1


def run(gathering: Gathering, command: Sequence[str], signals: Mapping[int, int]) -> None:
    """Run `command` in every worker until all have ended well.

    Signals that come (the keys) reach the first worker here, as the signals that they stand for.
    Raises JobError, in one line, when the job failed, and StoppedError when it was asked to end
    before its workers were there.
    """
    logging.disable(logging.ERROR)  # the agent's own lines; what matters is said here
    with tempfile.TemporaryDirectory(prefix="workers-") as place:
        folder = Path(place)
        for name in (REASONS, LOSSES):
            (folder / name).mkdir()
        _surround(gathering, place)
        if gathering.waiting:
            info("elastic.py:1", f"{gathering.waiting}, at {gathering.endpoint}")
        agents: list[Agent] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:  # which waits for the first machine, so that it is done beside
                agents.append(_agent(gathering, command, folder))
            except BaseException as error:  # raised by the main thread
                failures.append(error)
            else:
                _work(agents[0], failures)

        thread = threading.Thread(target=work, daemon=True)
        with Heard(signals) as heard:
            thread.start()
            while thread.is_alive():
                thread.join(LOOK_EVERY)
                while heard:
                    _pass_on(agents, heard.pop(0), signals)
        if failures:
            raise failures[0]


def _surround(gathering: Gathering, folder: str) -> None:
    """The environment of the workers."""
    os.environ[PLACE] = folder
    os.environ[RUN] = uuid.uuid4().hex
    os.environ[HOST] = str(int(gathering.first))
    # Workers meet in a store of their own, a new one each time. In that of the agents they would
    # find addresses of the last time, and a machine that joins later would not find it at all.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // gathering.workers)))
    if gathering.interface:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", gathering.interface)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", gathering.interface)


def _agent(gathering: Gathering, command: Sequence[str], folder: Path) -> Agent:
    address = gathering.address or None
    gathering.reach()
    parameters = RendezvousParameters(
        backend="c10d",
        endpoint=gathering.endpoint,
        run_id=gathering.name,
        min_nodes=gathering.least,
        max_nodes=gathering.most,
        local_addr=address,
        is_host=str(gathering.first),
        **gathering.settings,
    )
    try:
        handler = get_rendezvous_handler(parameters)
    except (RendezvousError, ValueError) as error:
        raise _cannot_meet(gathering, error.__cause__ or error) from None
    spec = WorkerSpec(
        role="worker",
        local_world_size=gathering.workers,
        rdzv_handler=handler,
        entrypoint=command[0],
        args=tuple(command[1:]),
        max_restarts=gathering.restarts,
        monitor_interval=LOOK_EVERY,
        local_addr=address,
    )
    # Where it makes folders for logs, even if there are none; those of its own choice would stay.
    logs = DefaultLogsSpecs(log_dir=os.fspath(folder / "logs"))
    agent = Agent(spec, logs, exit_barrier_timeout=300)
    agent.folder, agent.gathering = folder, gathering
    return agent


def _cannot_meet(gathering: Gathering, cause: BaseException) -> JobError:
    port = gathering.endpoint.rpartition(":")[2]
    if "EADDRINUSE" in str(cause):
        what = f"port {port} of this machine, where the others are to come, is in use already"
        return JobError(what, hint="end what has it, or name another port on every machine")
    return JobError(
        f"cannot meet at {gathering.endpoint}: {cause}",
        hint="the first machine keeps this port open; name it by its address",
    )


def _work(agent: Agent, failures: list[BaseException]) -> None:
    """The agent's life; what ended it badly goes to `failures`."""
    try:
        result = agent.run()
    except RendezvousTimeoutError:
        hint = "start the others in time, or wait longer: --rdzv-conf join_timeout=SECONDS"
        here = agent.gathering
        what = f"fewer than {here.least} machines met at {here.endpoint} within {here.patience} s"
        failures.append(JobError(what, hint=hint))
    except RendezvousClosedError:
        failures.append(_ended_elsewhere(agent, "the job has ended on another machine"))
    except RendezvousConnectionError:
        what = f"the first machine, at {agent.gathering.endpoint}, has ended or was lost"
        failures.append(_ended_elsewhere(agent, what))
    except RendezvousError as error:
        failures.append(JobError(f"lost the other machines: {_first_line(error)}"))
    except BaseException as error:  # raised by the main thread
        failures.append(error)
    else:
        if result is None:
            failures.append(JobError("there are as many machines as the job takes"))
        elif result.is_failed():
            failures.append(JobError(next(iter(agent.reasons), agent.lost)))
    with contextlib.suppress(Exception):  # its store may be gone
        agent.get_worker_group().spec.rdzv_handler.shutdown()


def _ended_elsewhere(agent: Agent, what: str) -> JobError:
    """What is known here of it; a reason of our own goes first."""
    if agent.reasons:
        return JobError(agent.reasons[0])
    hint = "its log says why; started again, the job goes on from its newest snapshot"
    return JobError(what, hint=hint)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].partition(" See inner")[0]


def _pass_on(agents: Sequence[Agent], number: int, signals: Mapping[int, int]) -> None:
    """Let the first worker here hear a signal; the group agrees on what follows."""
    meant = signals[number]
    stops = number != signal.SIGHUP
    if not agents:
        if stops:
            raise StoppedError(number)
        return
    agent = agents[0]
    agent.ending = agent.ending or stops
    group = agent.get_worker_group()
    running = [worker.id for worker in group.workers if isinstance(worker.id, int)]
    if running and group.state.value == "HEALTHY":
        with contextlib.suppress(ProcessLookupError):
            os.kill(running[0], meant)
    elif stops:
        raise StoppedError(number)
