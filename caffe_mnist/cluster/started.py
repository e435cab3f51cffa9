"""What started this process as one of several: Slurm's srun, or torchrun, by their environment.

Then `--nodes` and `--rdzv` need not be given: all processes of one srun, or of one torchrun, have
the same command line and belong to one job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from caffe_mnist.cluster.machines import PORT
from caffe_mnist.errors import CaffeMnistError

# What torchrun tells the processes that it starts; ours are told their own.
OF_TORCHRUN = (
    "TORCHELASTIC_RUN_ID", "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME",
    "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE",
    "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_USE_AGENT_STORE",
    "TORCHELASTIC_ERROR_FILE",
)  # fmt: skip


@dataclass(frozen=True)
class Started:
    """`--nodes`, `--rdzv` and `--node-rank` as the starter means them, and workers a machine.

    `spare` processes are those beside the first on a machine, which starts all workers there;
    `again` says that this is another attempt at the same job.
    """

    nodes: str
    rdzv: str
    node_rank: int
    workers: int = 1
    spare: bool = False
    again: bool = False


def started_by(environment: Mapping[str, str]) -> Started | None:
    """By what the environment says; None for a process on its own.

    Raises CaffeMnistError for several tasks of Slurm on one machine.
    """
    if "TORCHELASTIC_RUN_ID" in environment and "GROUP_RANK" in environment:
        return _by_torchrun(environment)
    if _number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1 and "SLURM_PROCID" in environment:
        return _by_slurm(environment)
    return None


def first_of(nodes: str) -> str:
    """The first machine of a list as Slurm writes it: `gpu[03-05,9],big1` begins with gpu03."""
    match = re.match(r"([^\[,]+)(?:\[([^\],-]+)[^\]]*\])?([^,\[]*)", nodes)
    if match is None:
        raise CaffeMnistError(f"{nodes!r} names no machine", where="SLURM_STEP_NODELIST")
    return f"{match[1]}{match[2] or ''}{match[3]}"


def _by_torchrun(environment: Mapping[str, str]) -> Started:
    return Started(
        environment.get("GROUP_WORLD_SIZE", "1"),
        # The place next to torchrun's own, which is taken.
        f"{environment['MASTER_ADDR']}:{_number(environment, 'MASTER_PORT', PORT) + 1}",
        _number(environment, "GROUP_RANK", 0),
        _number(environment, "LOCAL_WORLD_SIZE", 1),
        _number(environment, "LOCAL_RANK", 0) > 0,
        _number(environment, "TORCHELASTIC_RESTART_COUNT", 0) > 0,
    )


def _by_slurm(environment: Mapping[str, str]) -> Started:
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS", 1)
    machines = _number(environment, "SLURM_STEP_NUM_NODES", tasks)
    if machines < tasks:
        raise CaffeMnistError(
            f"srun started {tasks} tasks on {machines} machines, expected one on each",
            hint="srun --ntasks-per-node=1, and --workers N for several processes on a machine",
        )
    listed = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    # Jobs that share a machine meet at different ports.
    port = PORT + 1 + _number(environment, "SLURM_JOB_ID", 0) % 1000
    again = _number(environment, "SLURM_RESTART_COUNT", 0) > 0
    rank = _number(environment, "SLURM_PROCID", 0)
    return Started(str(tasks), f"{first_of(listed)}:{port}", rank, again=again)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    word = environment.get(name, "")
    return int(word) if word.isascii() and word.isdigit() else default
