"""`caffe train`: one solver, in this process or as one of several."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from caffe_mnist.brew.devices import find_device, find_gpus, precision_of
from caffe_mnist.brew.nets import provide_pycaffe, settler
from caffe_mnist.brew.signal_requests import SignalRequests
from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError

# More processes than these on one machine are a mistake, that no memory would hold.
MOST_WORKERS, MOST_ON_A_CORE = 64, 8

if TYPE_CHECKING:
    import torch

    from caffe_mnist.engine.team import Team
    from caffe_mnist.schema.caffe_pb2 import SolverParameter


def train(flags: Flags) -> int:
    """Train the net of a solver file."""
    if not flags.solver:
        raise CaffeMnistError("needs a solver definition to train", hint="-solver FILE")
    if flags.snapshot and flags.weights:
        raise CaffeMnistError("give a snapshot to resume training or weights to finetune, not both")
    from caffe_mnist.engine.member import in_group
    from caffe_mnist.engine.solver_file import read_solver
    from caffe_mnist.schema import caffe_pb2

    param = read_solver(flags.solver)
    settler(flags, flags.solver)(param)
    param.train_state.level = flags.level
    param.train_state.stage.extend(flags.stages)
    if flags.snapshot:
        del param.weights[:]
    elif flags.weights:
        param.weights[:] = [flags.weights]
    gpu = flags.gpu
    # A solver that does not say trains on the CPU, although GPU is the field's default.
    said = param.HasField("solver_mode")
    if not gpu and said and param.solver_mode == caffe_pb2.SolverParameter.GPU:
        gpu = str(param.device_id)
    if in_group():
        return _train_in_group(flags, param, gpu)
    workers = len(find_gpus(gpu)) if gpu else flags.workers
    if gpu and flags.workers > 1:
        raise CaffeMnistError(
            "-workers is for the CPU; on GPUs there is one worker each",
            hint="name them by -gpu, and leave -workers away",
        )
    if not flags.nodes and (flags.rdzv or flags.node_rank >= 0):
        given = "-rdzv" if flags.rdzv else "-node_rank"
        raise CaffeMnistError(f"{given} is for several machines", hint="-nodes N as well")
    if workers > 1 or flags.nodes:
        return _train_together(flags, workers)
    device = find_device(gpu, "caffe.cpp:197")
    with SignalRequests(flags.sigint_effect, flags.sighup_effect) as requests:
        from caffe_mnist.engine.team import Team

        _solve(flags, param, device, Team(requests.action))
    return 0


def _train_together(flags: Flags, workers: int) -> int:
    """Start the workers of this machine, and watch them to their end."""
    from caffe_mnist.engine import elastic
    from caffe_mnist.engine.gathering import Gathering

    cores = len(os.sched_getaffinity(0))
    if workers > max(MOST_WORKERS, MOST_ON_A_CORE * cores):
        what = f"{workers} workers are too many for {cores} cores"
        raise CaffeMnistError(what, where="-workers", hint="one a core is most of what helps")
    together = Gathering(workers)
    if flags.nodes:
        from caffe_mnist.cluster.machines import find_machines
        from caffe_mnist.cluster.meeting import meeting_settings
        from caffe_mnist.cluster.reaching import PATIENCE, wait_until_reached

        rank = flags.node_rank if flags.node_rank >= 0 else None
        here = find_machines(flags.nodes, flags.rdzv, rank)
        settings = meeting_settings(flags.rdzv_conf)
        patience = int(settings.get("timeout", PATIENCE))
        together = Gathering(
            workers, here.least, here.most, here.endpoint, here.first, here.address,
            here.interface, flags.rdzv_id, flags.max_restarts, settings,
            partial(wait_until_reached, here.host, here.port, patience, here.first),
        )  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "caffe_mnist.caffe",
        "train",
        *replace(flags, root="").arguments(),
    ]
    term = signal.SIGINT if flags.sigint_effect == "stop" else signal.SIGTERM
    meant: dict[int, int] = {signal.SIGINT: signal.SIGINT, signal.SIGHUP: signal.SIGHUP}
    meant[signal.SIGTERM] = term
    elastic.run(together, command, meant)
    return 0


def _train_in_group(flags: Flags, param: SolverParameter, gpu: str) -> int:
    """Train as one of several; the root logs, and the first on each machine how it ended."""
    from caffe_mnist.engine import glog, member

    member.end_with_launcher()
    place, here = member.local_place()
    gpus = find_gpus(gpu) if gpu else []
    if gpus and len(gpus) != here:
        raise CaffeMnistError(f"-gpu {gpu} names {len(gpus)} GPUs for {here} workers")
    with SignalRequests(flags.sigint_effect, flags.sighup_effect) as requests:
        import torch

        from caffe_mnist.engine.group import Group

        device = torch.device("cuda", gpus[place]) if gpus else torch.device("cpu")
        team = Group(requests.action, device, flags.worker_timeout, member.hosts_root())
        if not team.is_root:
            glog.write_from(glog.LEVELS.index("E"))
        device = find_device(str(gpus[place]) if gpus else "", "caffe.cpp:197")
        glog.info("parallel.cpp:1", f"{team.size} workers train together")
        ended = _solve(flags, param, device, team)
        if place == 0 and not team.is_root:
            glog.write_from(0)
            glog.info(*ended)
        team.close()
    return 0


def _solve(
    flags: Flags, param: SolverParameter, device: torch.device, team: Team
) -> tuple[str, str]:
    """The whole training of one solver; returns how a solver's log says that it ended."""
    from caffe_mnist.engine.beginning import Beginning
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.recorder import recorder_for
    from caffe_mnist.engine.solver import Solver
    from caffe_mnist.engine.solver_nets import test_net_params, train_net_param
    from caffe_mnist.engine.solver_run import Compile, Run
    from caffe_mnist.schema.fork_text import shown

    info("solver.cpp:45", f"Initializing solver from parameters: \n{shown(param)}")
    provide_pycaffe(team, train_net_param(param), *test_net_params(param))
    beginning = Beginning(param.snapshot_prefix, team)
    goes_on = flags.data_position == "resume"
    run = Run(
        device, team, goes_on, snapshot_at=flags.early,
        precision=precision_of(flags, device),
        recorder=recorder_for(device) if flags.cuda_graph == "auto" else None,
        compiled=Compile() if flags.compile else None,
        wrote=beginning.wrote, prepare=settler(flags, flags.solver),
    )  # fmt: skip
    solver = Solver(param, run)
    try:
        beginning.begin(solver, flags.snapshot)
        info("caffe.cpp:239", "Starting Optimization")
        solver.solve()
    finally:
        solver.close()
    info("caffe.cpp:250", "Optimization Done.")
    done = ("solver.cpp:332", "Optimization Done.")
    return done if not solver.stopped else ("solver.cpp:311", "Optimization stopped early.")
