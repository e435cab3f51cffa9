"""A process that PyTorch's launcher (ours, or torchrun) started as one worker of several.

What it knows of its place comes from the environment: RANK, LOCAL_RANK and LOCAL_WORLD_SIZE from
the launcher; from ours also where to leave the reason of a failure, which the launcher then says
once for all workers, and whether the job's root belongs on this machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError, JobError

# The exit status of a worker that lost the others; the reason lies elsewhere.
LOST = 75
PLACE, HOST, RUN = "CAFFE_MNIST_WORKERS", "CAFFE_MNIST_HOST", "CAFFE_MNIST_RUN"
# In the folder PLACE: why workers failed, and how others came to lose them.
REASONS, LOSSES = "reasons", "losses"
LOST_OTHERS = "lost the other workers: "
PR_SET_PDEATHSIG = 1


class LostError(JobError):
    """Other solvers of the group are gone, or out of reach."""


def in_group() -> bool:
    """Whether a launcher started this process as one worker of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


def hosts_root() -> bool:
    """Whether the job's root belongs on this machine."""
    return os.environ.get(HOST) == "1"


def has_host() -> bool:
    """Whether the job's root belongs on a machine that says so: where our launcher started it."""
    return HOST in os.environ


def attempt() -> str:
    """What an attempt of torchrun's to start this group anew is called, on one machine.

    Its attempts meet in one store. Several machines count theirs differently, so that none can be
    told there; those of our launcher have a store for each.
    """
    alone = os.environ.get("GROUP_WORLD_SIZE", "1") == "1"
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "") if alone and not has_host() else ""


def local_place() -> tuple[int, int]:
    """This worker's number on its machine, and how many there are."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def run_name() -> str:
    """What this run of the group is called; empty where its snapshots cannot be told apart.

    Our launcher names it; torchrun gives all its attempts one name, which is only good for
    telling the later ones.
    """
    if RUN in os.environ:
        return os.environ[RUN]
    return os.environ.get("TORCHELASTIC_RUN_ID", "") if in_group() else ""


def end_with_launcher() -> None:
    """Be killed when the launcher is: nobody would watch this worker any more."""
    if PLACE in os.environ:
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent or parent == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def leave_reason(error: CaffeMnistError) -> bool:
    """Tell our launcher why this worker fails; False where none started it."""
    folder = os.environ.get(PLACE)
    if folder is None or not in_group():
        return False
    rank, lost = int(os.environ["RANK"]), isinstance(error, LostError)
    text = str(error)
    place = f"worker {rank}: " if rank and not (lost or text.startswith("worker ")) else ""
    with contextlib.suppress(OSError):  # the launcher has ended
        name = LOSSES if lost else REASONS
        Path(folder, name, f"{rank:06}").write_text(place + text)
    return True


def quiet_library(flags: Flags) -> None:
    """Keep PyTorch's lines about connections to itself, unless the user's environment says more.

    What they tell of a loss is in one line of ours. NCCL's errors stay, because not all of them
    come as exceptions. To be called before torch is imported; workers inherit it.
    """
    on_gpus = bool(flags.gpu)
    if flags.workers > 1 or flags.nodes or on_gpus or in_group():
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR" if on_gpus else "FATAL")
