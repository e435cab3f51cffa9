"""What the settings say about workers and machines that train together."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace

from caffe_mnist.cluster.machines import Machines, find_machines
from caffe_mnist.cluster.meeting import meeting_settings
from caffe_mnist.cluster.started import OF_TORCHRUN, started_by
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.settings import Settings

# Settings that go to the trainer as they are, under the same names with underscores.
PASSED = ("rdzv_conf", "max_restarts", "worker_timeout")


def as_started(settings: Settings, environment: Mapping[str, str]) -> tuple[Settings, bool]:
    """`settings` with what srun or torchrun means, where they do not say otherwise.

    The second is True for a process beside the first on its machine: that one does all there.
    """
    started = None if settings.nodes == "1" else started_by(environment)
    if started is None:
        return settings, False
    workers = settings.workers or (started.workers if not settings.gpus else None)
    given = replace(settings, workers=workers if (workers or 1) > 1 else None)
    if settings.nodes or started.nodes != "1":
        rank = started.node_rank if settings.node_rank is None else settings.node_rank
        rdzv = settings.rdzv or started.rdzv
        given = replace(given, nodes=settings.nodes or started.nodes, rdzv=rdzv, node_rank=rank)
    if started.again and settings.snapshot == "none":
        given = replace(given, resume=True, snapshot="auto")
    return given, started.spare


def forget_torchrun(environment: MutableMapping[str, str]) -> None:
    """So that the trainer does not take torchrun's word to us for one to itself."""
    for name in OF_TORCHRUN:
        environment.pop(name, None)


def find_together(settings: Settings) -> Machines | None:
    """The machines of `--nodes`, seen from this one; raises CaffeMnistError."""
    if settings.nodes is None:
        if settings.rdzv or settings.node_rank is not None:
            raise CaffeMnistError(
                "is for several machines", where="--rdzv" if settings.rdzv else "--node-rank",
                hint="--nodes N as well",
            )  # fmt: skip
        return None
    meeting_settings(settings.rdzv_conf or "")
    return find_machines(settings.nodes, settings.rdzv or "", settings.node_rank)


def together_flags(settings: Settings, machines: Machines | None) -> tuple[str, ...]:
    """The trainer's flags for all this."""
    flags: list[str] = []
    if settings.workers is not None and settings.workers > 1:
        flags += ["-workers", str(settings.workers)]
    if machines is not None:
        flags += ["-nodes", settings.nodes or "", "-rdzv", machines.endpoint]
        if settings.node_rank is not None:
            flags += ["-node_rank", str(settings.node_rank)]
    for name in PASSED:
        value = getattr(settings, name)
        if value is not None:
            flags += [f"-{name}", str(value)]
    return tuple(flags)
