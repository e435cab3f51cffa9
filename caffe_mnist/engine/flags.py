"""The flags of the `caffe` command, as gflags reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

USAGE = """\
caffe: command line brew (embedded engine)
usage: python -m caffe_mnist.caffe <command> <flags>

commands:
  train           train or finetune a model
  test            score a model
  device_query    show GPU diagnostic information
  time            benchmark model execution time

flags:
  -gpu            run on these GPUs, as 0 or 0,1 ('all': on every one); without
                  it, on the CPU                                                 default: ""
  -iterations     how many iterations to run (test, time)                        default: 50
  -level          network level                                                  default: 0
  -model          the model definition, a prototxt                               default: ""
  -root           the folder that relative paths begin in (else: CAFFE_ROOT)     default: ""
  -precision      numbers of heavy layers: fp32 (equals Caffe), tf32, bf16, fp16 default: fp32
  -phase          network phase, TRAIN or TEST (time)                            default: ""
  -sighup_effect  what SIGHUP does: snapshot, stop or none                       default: snapshot
  -sigint_effect  what SIGINT does: snapshot, stop or none                       default: stop
  -snapshot       the solver state to resume training from                       default: ""
  -solver         the solver definition, a prototxt                              default: ""
  -stage          network stages, separated by ','                               default: ""
  -weights        weights to start from, separated by ','                        default: ""
  -compile        compile the passes where that is faster, measured once         default: false
  -cuda_graph     whole iterations as one CUDA graph where possible: auto or off default: auto
  -data_position  after -snapshot, where the data goes on: resume or restart     default: resume
  -define         NAME=VALUE for ${NAME} in prototxts; may be given again        default: ""
  -lenient        pass over (and report) fields that Caffe's schema lacks        default: false
  -paths_from     where relative paths begin: cwd, else beside the solver if
                  only there; or solver: always there                            default: cwd
  -snapshot_at    snapshots after these iterations too, separated by ','         default: ""
  -workers        processes that train together on the CPU of this machine       default: 1
  -nodes          machines that train together: N, or MIN:MAX                    default: ""
  -rdzv           where they meet: HOST:PORT of the first of them                default: ""
  -node_rank      this one's number; without it, the one with HOST's address is
                  the first                                                      default: -1
  -rdzv_id        a name of the job, where several meet at one place             default: "caffe"
  -rdzv_conf      PyTorch's settings of the meeting, as last_call_timeout=10     default: ""
  -max_restarts   how many losses of workers a job on several machines survives  default: 10
  -worker_timeout seconds that workers wait for each other                       default: 300
"""


NUMBERS = ("iterations", "level", "workers", "node_rank", "max_restarts", "worker_timeout")
BOOLEANS = ("compile",)
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Flags:
    """The flags of one call, as given."""

    gpu: str = ""
    iterations: int = 50
    level: int = 0
    model: str = ""
    phase: str = ""
    root: str = ""
    sighup_effect: str = "snapshot"
    sigint_effect: str = "stop"
    snapshot: str = ""
    solver: str = ""
    stage: str = ""
    weights: str = ""
    data_position: str = "resume"
    snapshot_at: str = ""
    define: tuple[str, ...] = ()
    lenient: bool = False
    paths_from: str = "cwd"
    precision: str = "fp32"
    cuda_graph: str = "auto"
    workers: int = 1
    nodes: str = ""
    rdzv: str = ""
    node_rank: int = -1
    rdzv_id: str = "caffe"
    rdzv_conf: str = ""
    max_restarts: int = 10
    worker_timeout: int = 300
    compile: bool = False

    def arguments(self) -> list[str]:
        """The flags as a command line gives them, without those left at their defaults."""
        given = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        told = [(name, value) for name, value, default in given if value != default]
        several = [(name, value if isinstance(value, tuple) else (value,)) for name, value in told]
        return [f"-{name}={_word(one)}" for name, values in several for one in values]

    @property
    def stages(self) -> list[str]:
        """The stages that are named; without any, one without a name, as in Caffe."""
        return self.stage.split(",")

    @property
    def early(self) -> frozenset[int]:
        """The iterations of -snapshot_at."""
        return frozenset(int(word) for word in self.snapshot_at.split(",") if word)


class UsageError(Exception):
    """A call that cannot be understood; the message is gflags' own."""


def parse(arguments: Sequence[str]) -> tuple[list[str], Flags]:
    """Words and flags; raises UsageError for unknown flags and values of the wrong type."""
    names = {field.name for field in fields(Flags)}
    words: list[str] = []
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-":
            words.append(argument)
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        if name in BOOLEANS or (name[:2] == "no" and name[2:] in BOOLEANS):
            values[name.removeprefix("no")] = _truth(name, value if equals else "true")
            continue
        if name not in names:
            raise UsageError(f"unknown command line flag '{name}'")
        if name == "lenient":
            if value not in ("", "true", "false", "1", "0"):
                raise UsageError(f"illegal value '{value}' specified for bool flag 'lenient'")
            values[name] = value not in ("false", "0")
            continue
        if not equals:
            if not rest:
                raise UsageError(f"flag '{argument}' is missing its argument")
            value = rest.pop(0)
        if name == "define":
            values[name] = (*values.get(name, ()), value)
            continue
        try:
            values[name] = int(value) if name in NUMBERS else value
        except ValueError:
            raise UsageError(f"illegal value '{value}' specified for int32 flag '{name}'") from None
    for name in ("sighup_effect", "sigint_effect"):
        if values.get(name, "stop") not in ("stop", "snapshot", "none"):
            raise UsageError(f"flag '{name}' takes stop, snapshot or none, not '{values[name]}'")
    if values.get("data_position", "resume") not in ("resume", "restart"):
        raise UsageError("flag 'data_position' takes resume or restart")
    if values.get("cuda_graph", "auto") not in ("auto", "off"):
        raise UsageError("flag 'cuda_graph' takes auto or off")
    if values.get("workers", 1) < 1 or values.get("worker_timeout", 1) < 1:
        raise UsageError("flags 'workers' and 'worker_timeout' take 1 or more")
    if values.get("node_rank", -1) < -1 or values.get("max_restarts", 0) < 0:
        raise UsageError("flags 'node_rank' and 'max_restarts' take 0 or more")
    if values.get("paths_from", "cwd") not in ("cwd", "solver"):
        raise UsageError("flag 'paths_from' takes cwd or solver")
    wanted = values.get("snapshot_at", "")
    if not all(word.isascii() and word.isdigit() for word in wanted.split(",") if wanted):
        raise UsageError(f"flag 'snapshot_at' takes iterations, as 10,20, not '{wanted}'")
    return words, Flags(**values)


def _truth(name: str, word: str) -> bool:
    """A flag that stands alone or has a word behind `=`; `-noNAME` is its opposite."""
    if word.lower() not in WORDS:
        raise UsageError(f"illegal value '{word}' specified for bool flag '{name}'")
    return WORDS[word.lower()] != name.startswith("no")


def from_root(flags: Flags) -> Flags:
    """`flags` as seen from -root or $CAFFE_ROOT, after moving there; if none is needed, as is."""
    if not flags.root and "CAFFE_ROOT" not in os.environ:
        return flags
    from caffe_mnist.engine.root import move_to_root

    lists = [flags.weights.split(","), [flags.solver], [flags.model], [flags.snapshot]]
    moved = iter(
        move_to_root(flags.root, [path for group in lists for path in group], flags.solver)
    )
    weights, solver, model, snapshot = (",".join(next(moved) for _ in group) for group in lists)
    return replace(flags, weights=weights, solver=solver, model=model, snapshot=snapshot)


def _word(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
