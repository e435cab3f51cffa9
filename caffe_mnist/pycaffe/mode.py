"""What is set once for the whole program: the device, random numbers, the log, solver ranks.

pycaffe keeps these in the process, so they are kept so here: each function changes `current`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from caffe_mnist.engine import glog
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.team import Team
from caffe_mnist.pycaffe.failures import CaffeError

TRAIN, TEST = 0, 1


class SharedNumbers(RandomNumbers):
    """The one stream of random numbers that all nets and solvers of the program draw from."""

    def restart(self, seed: int) -> None:
        """Begin the stream of `seed`, for nets that are there already too."""
        c_rand = self.c_rand  # Caffe's seed is not that of the C library
        super().__init__(seed)
        self.c_rand = c_rand


@dataclass
class Mode:
    """The present settings."""

    gpu: bool = False
    device_id: int = 0
    numbers: SharedNumbers = field(default_factory=SharedNumbers)
    solver_count: int = 1
    solver_rank: int = 0
    multiprocess: bool = False

    @property
    def device(self) -> torch.device:
        """Where nets run."""
        return torch.device("cuda", self.device_id) if self.gpu else torch.device("cpu")

    @property
    def team(self) -> Team:
        """Whose share of the data this program's training nets take."""
        return Team(rank=self.solver_rank, size=self.solver_count)


current = Mode()


def set_mode_cpu() -> None:
    """Run nets on the CPU from now on (the default)."""
    current.gpu = False


def set_mode_gpu() -> None:
    """Run nets on the GPU from now on; nets that are there move with their next pass.

    Raises CaffeError where there is none.
    """
    _check(current.device_id)
    # Caffe computes in full single precision; these would round products to 10 bits.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    current.gpu = True


def set_device(index: int) -> None:
    """Choose a GPU; it is used once `set_mode_gpu` was called."""
    _check(index)
    current.device_id = index


def set_random_seed(seed: int) -> None:
    """Begin Caffe's stream of random numbers for `seed`."""
    current.numbers.restart(seed)


def init_log(level: int = 0, to_stderr: bool = True) -> None:
    """Log from `level` on: 0 information, 1 warnings, 2 errors, 3 fatal; always to stderr."""
    glog.write_from(level)


def log(text: str) -> None:
    """Write one line of information into the log."""
    glog.info("_caffe.cpp:1", text)


def solver_count() -> int:
    """How many solvers train together."""
    return current.solver_count


def set_solver_count(count: int) -> None:
    """Say how many solvers train together."""
    current.solver_count = count


def solver_rank() -> int:
    """Which of the solvers this process runs; 0 is the root."""
    return current.solver_rank


def set_solver_rank(rank: int) -> None:
    """Say which of the solvers this process runs."""
    current.solver_rank = rank


def set_multiprocess(flag: bool) -> None:
    """Say whether the solvers are processes."""
    current.multiprocess = flag


def has_nccl() -> bool:
    """Whether solvers can exchange gradients by NCCL: no, here they train on one device."""
    return False


def _check(index: int) -> None:
    count = torch.cuda.device_count()
    if not 0 <= index < count:
        raise CaffeError(
            f"cannot use GPU {index}: PyTorch finds {count or 'no'} CUDA device(s) here",
            hint="caffe.set_mode_cpu()",
        )
