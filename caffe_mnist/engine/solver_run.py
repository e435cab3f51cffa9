"""How a solver is run, beside what its own file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from caffe_mnist.engine.compile_choice import Choices
from caffe_mnist.engine.compiled import Compiler
from caffe_mnist.engine.precision import FP32, Precision
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.recorder import Recorder
from caffe_mnist.engine.team import Team
from caffe_mnist.schema import caffe_pb2


@dataclass(frozen=True)
class Compile:
    """That passes are compiled: where the choice is kept, and by what (torch.compile)."""

    choices: Choices = field(default_factory=Choices)
    compiler: Compiler | None = None


@dataclass(frozen=True)
class Run:
    """How a solver is run: where, with whom, and whether data goes on after a restore.

    Its `team` says what it is asked to do. With a `generator`, random numbers come from there and
    the solver's random_seed is not used. `snapshot_at` are iterations with a snapshot, beside
    those of the solver's interval; `wrote` is told the state's path after each snapshot. With a
    `recorder`, iterations are recorded once and made again; with `compiled`, passes are where
    that is faster. `prepare` may change the nets that the solver names, before they are built.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    team: Team = field(default_factory=Team)
    resume_data: bool = True
    generator: RandomNumbers | None = None
    snapshot_at: frozenset[int] = frozenset()
    precision: Precision = FP32
    recorder: Recorder | None = None
    wrote: Callable[[str], object] = lambda state: None
    compiled: Compile | None = None
    prepare: Callable[[caffe_pb2.NetParameter], object] = lambda net: None


@dataclass(frozen=True)
class Callback:
    """What is called in every iteration: before the first pass, and with gradients complete."""

    on_start: Callable[[], object]
    on_gradients_ready: Callable[[], object]
