"""The `caffe` command over the embedded engine: train, test, time, device_query.

Flags, log lines, signals and exit status are Caffe 1.0's: `-solver S`, `-solver=S` and
`--solver S` are one; SIGINT snapshots and stops, SIGHUP snapshots; a failure is an `F` line and
ends by SIGABRT. One flag of ours: `-data_position resume|restart` says whether a resumed
training goes on in the data where the snapshot was taken (the default) or starts the database
over, as real Caffe does. Another is `-snapshot_at 10,20`: snapshots after these iterations,
beside those of the solver file. `-precision fp32|tf32|bf16|fp16` says what heavy layers compute
in. With several GPUs, `-workers` or `-nodes`, `train` runs as many processes of itself
(docs/distributed.md).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from caffe_mnist.engine.flags import USAGE, Flags, UsageError, from_root, parse
from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import torch

    from caffe_mnist.engine.asked import Action
    from caffe_mnist.engine.precision import Precision
    from caffe_mnist.engine.team import Team
    from caffe_mnist.schema.caffe_pb2 import NetParameter, SolverParameter

# Asked of a training; they wait until it can hear them.
REQUESTS = frozenset({signal.SIGINT, signal.SIGHUP})
# The numbers of these settings in <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (a failing command ends by SIGABRT)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "-help", "--help"):
        print(USAGE, end="")
        return 0
    commands: dict[str, Callable[[Flags], int]] = {
        "train": train,
        "test": test,
        "time": time_layers,
        "device_query": device_query,
    }
    try:
        words, flags = parse(arguments)
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    if len(words) != 1 or words[0] not in commands:
        print(USAGE, end="", file=sys.stderr)
        print(f"ERROR: unknown command {' '.join(words)!r}", file=sys.stderr)
        return 1
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads spin while they wait for each other. Beside other work on the same cores they
        # take them from those that they wait for: left as it is, up to 5 times slower. So many
        # turns cost nothing there, and are 2 % faster alone than none.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    keep_memory()
    start_lean()
    from caffe_mnist.schema.reading import reading

    try:
        held_or_not = held() if words[0] == "train" else nullcontext()
        with held_or_not, reading(flags.define, flags.lenient, _note):
            return commands[words[0]](from_root(flags))
    except CaffeMnistError as error:
        return _failed(error)
    except KeyboardInterrupt:
        return 130


@contextmanager
def held() -> Iterator[None]:
    """Keep SIGINT and SIGHUP waiting until a `SignalRequests` takes them.

    Raised as KeyboardInterrupt while libraries are imported, a stop gets lost in what these do.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_memory() -> None:
    """Ask the C library (glibc) to keep freed memory for the next large array.

    Otherwise it gives each back to the system, and every page of the next one is made and
    zeroed anew: large nets take a tenth longer, LRN several times as long.
    """
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(M_MMAP_MAX, 0)
        change(M_TRIM_THRESHOLD, 2**31 - 1)


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
    _settler(flags, flags.solver)(param)
    param.train_state.level = flags.level
    param.train_state.stage.extend(flags.stages)
    if flags.snapshot:
        del param.weights[:]
    elif flags.weights:
        param.weights[:] = [flags.weights]
    gpu = flags.gpu
    if not gpu and param.solver_mode == caffe_pb2.SolverParameter.GPU:
        gpu = str(param.device_id)
    if in_group():
        return _train_in_group(flags, param, gpu)
    workers = len(_gpus(gpu)) if gpu else flags.workers
    if gpu and flags.workers > 1:
        raise CaffeMnistError(
            "-workers is for the CPU; on GPUs there is one worker each",
            hint="name them by -gpu, and leave -workers away",
        )
    if workers > 1 or flags.nodes:
        return _train_together(flags, workers)
    device = _device(gpu, "caffe.cpp:197")
    with SignalRequests(flags.sigint_effect, flags.sighup_effect) as requests:
        from caffe_mnist.engine.team import Team

        _solve(flags, param, device, Team(requests.action))
    return 0


def _train_together(flags: Flags, workers: int) -> int:
    """Start the workers of this machine, and watch them to their end."""
    from caffe_mnist.engine import elastic

    together = elastic.Gathering(workers)
    if flags.nodes:
        from caffe_mnist.cluster.machines import find_machines

        rank = flags.node_rank if flags.node_rank >= 0 else None
        here = find_machines(flags.nodes, flags.rdzv, rank)
        together = elastic.Gathering(
            workers, here.least, here.most, here.endpoint, here.first, here.address,
            here.interface, flags.rdzv_id, flags.max_restarts, flags.conf,
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
    gpus = _gpus(gpu) if gpu else []
    if gpus and len(gpus) != here:
        raise CaffeMnistError(f"-gpu {gpu} names {len(gpus)} GPUs for {here} workers")
    with SignalRequests(flags.sigint_effect, flags.sighup_effect) as requests:
        import torch

        from caffe_mnist.engine.group import Group

        device = torch.device("cuda", gpus[place]) if gpus else torch.device("cpu")
        team = Group(requests.action, device, flags.worker_timeout, member.hosts_root())
        if not team.is_root:
            glog.write_from(glog.LEVELS.index("E"))
        device = _device(str(gpus[place]) if gpus else "", "caffe.cpp:197")
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
    _provide_pycaffe(team, train_net_param(param), *test_net_params(param))
    beginning = Beginning(param.snapshot_prefix, team)
    goes_on = flags.data_position == "resume"
    run = Run(
        device, team, goes_on, snapshot_at=flags.early,
        precision=_precision(flags, device),
        recorder=recorder_for(device) if flags.cuda_graph == "auto" else None,
        compiled=Compile() if flags.compile else None,
        wrote=beginning.wrote, prepare=_settler(flags, flags.solver),
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


def test(flags: Flags) -> int:
    """Score a net's weights on its test data."""
    if not flags.weights:
        raise CaffeMnistError("needs weights to score", hint="-weights FILE")
    from caffe_mnist.engine.glog import info, number
    from caffe_mnist.engine.net import Net
    from caffe_mnist.engine.weights import load_weights
    from caffe_mnist.schema import caffe_pb2

    net = _net(flags, caffe_pb2.TEST, "caffe.cpp:275")
    for path in filter(None, flags.weights.split(",")):
        load_weights(net, path, info)
    info("caffe.cpp:281", f"Running for {flags.iterations} iterations.")
    assert isinstance(net, Net)
    sums: dict[tuple[str, int], float] = {}
    loss = 0.0
    for batch in range(flags.iterations):
        loss += float(net.forward())
        for name in net.outputs:
            for k, value in enumerate(net.blobs[name].data.flatten().tolist()):
                info("caffe.cpp:304", f"Batch {batch}, {name} = {number(value)}")
                sums[name, k] = sums.get((name, k), 0.0) + value
    count = max(flags.iterations, 1)
    info("caffe.cpp:309", f"Loss: {number(loss / count)}")
    for (name, _), value in sums.items():
        weight = net.blob_loss_weights.get(name, 0.0)
        mean = value / count
        note = f" (* {number(weight)} = {number(weight * mean)} loss)" if weight else ""
        info("caffe.cpp:321", f"{name} = {number(mean)}{note}")
    net.close()
    return 0


def time_layers(flags: Flags) -> int:
    """Time each layer's forward and backward pass."""
    from caffe_mnist.engine.timing import time_net
    from caffe_mnist.schema import caffe_pb2

    phases = {"": caffe_pb2.TRAIN, "TRAIN": caffe_pb2.TRAIN, "TEST": caffe_pb2.TEST}
    if flags.phase not in phases:
        raise CaffeMnistError(f"unknown phase {flags.phase!r}", hint="TRAIN or TEST")
    net = _net(flags, phases[flags.phase], "caffe.cpp:343")
    time_net(net, flags.iterations)
    net.close()
    return 0


def device_query(flags: Flags) -> int:
    """Say what each GPU is."""
    import torch

    from caffe_mnist.engine.glog import info

    info("caffe.cpp:139", f"Querying GPUs {flags.gpu or 'all'}")
    for index in _gpus(flags.gpu or "all"):
        about = torch.cuda.get_device_properties(index)
        for name, value in (
            ("Device id", index),
            ("Major revision number", about.major),
            ("Minor revision number", about.minor),
            ("Name", about.name),
            ("Total global memory", about.total_memory),
            ("Number of multiprocessors", about.multi_processor_count),
        ):
            info("common.cpp:180", f"{name + ':':31}{value}")
    return 0


class SignalRequests:
    """SIGINT and SIGHUP as requests: the handlers only note them, the solver asks."""

    def __init__(self, sigint: str, sighup: str) -> None:
        """What each signal asks for: stop, snapshot or none."""
        self._effects = {signal.SIGINT: sigint, signal.SIGHUP: sighup}
        self._seen: list[str] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> SignalRequests:
        for number in self._effects:
            self._before[number] = signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def action(self) -> Action:
        """What was asked for since the last call, one thing at a time; stopping goes first."""
        from caffe_mnist.engine.asked import Action

        if not self._seen:
            return Action.NONE
        effect = "stop" if "stop" in self._seen else self._seen[0]
        self._seen.remove(effect)
        return Action[effect.upper()]

    def _note(self, number: int, frame: object) -> None:
        self._seen.append(self._effects[signal.Signals(number)])


def _net(flags: Flags, phase: int, place: str) -> Any:
    if not flags.model:
        raise CaffeMnistError("needs a model definition", hint="-model FILE")
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.layer import Surroundings
    from caffe_mnist.engine.net import Net
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text

    device = _device(flags.gpu, place)
    param = read_text(flags.model, caffe_pb2.NetParameter)
    _settler(flags, flags.model)(param)
    param.state.level = flags.level
    param.state.stage.extend(flags.stages)
    _provide_pycaffe(None, param)
    return Net(param, Surroundings(phase, device, precision=_precision(flags, device)), info)


def _settler(flags: Flags, path: str) -> Callable[[Any], None]:
    """Brings the relative paths of solver and nets to where they lead somewhere."""
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.relative import settle_paths

    always, folder = flags.paths_from == "solver", os.path.dirname(path)
    return lambda param: settle_paths(param, folder, always, partial(info, "caffe.cpp:1"))


def _note(text: str) -> None:
    from caffe_mnist.engine.glog import warning

    warning("upgrade_proto.cpp:1", text)


def _provide_pycaffe(team: Team | None, *nets: NetParameter) -> None:
    """Where a net has layers written in Python, let their modules `import caffe`."""
    if any(layer.type == "Python" for net in nets for layer in net.layer):
        from caffe_mnist.pycaffe import mode
        from caffe_mnist.pycaffe.install import install

        install()
        if team is not None:
            mode.set_solver_count(team.size)
            mode.set_solver_rank(team.rank)


def _device(gpu: str, place: str) -> torch.device:
    import torch

    from caffe_mnist.engine.glog import info

    if not gpu:
        info(place, "Use CPU.")
        return torch.device("cpu")
    indices = _gpus(gpu)
    if len(indices) > 1:
        raise CaffeMnistError(f"-gpu {gpu}: this runs on one GPU", hint="name one of them")
    info(place, f"Using GPUs {indices[0]}")
    info(place, f"GPU {indices[0]}: {torch.cuda.get_device_name(indices[0])}")
    return torch.device("cuda", indices[0])


def _precision(flags: Flags, device: torch.device) -> Precision:
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.precision import find_precision, remark, set_products

    precision = find_precision(flags.precision, device)
    set_products(precision)
    if precision.name != "fp32":
        info("precision.py:1", f"Precision: {precision.name}")
    note = remark(precision, device)
    if note:
        info("precision.py:1", f"-precision {precision.name}: {note}")
    return precision


def _gpus(wanted: str) -> list[int]:
    import torch

    count = torch.cuda.device_count()
    if not count:
        raise CaffeMnistError(
            f"cannot use GPU {wanted}: PyTorch finds no CUDA device on this machine",
            hint="leave -gpu away and set solver_mode: CPU, or install a CUDA build of PyTorch",
        )
    if wanted == "all":
        return list(range(count))
    try:
        indices = [int(word) for word in wanted.split(",")]
    except ValueError:
        raise CaffeMnistError(f"-gpu {wanted!r} is no list of numbers") from None
    if any(not 0 <= index < count for index in indices):
        raise CaffeMnistError(f"-gpu {wanted}: this machine has GPUs 0 to {count - 1}")
    return indices


def _failed(error: CaffeMnistError) -> int:
    """End with an error's line, which the launcher of several workers says for all of them."""
    from caffe_mnist.engine import member

    if error.status > 128:  # asked to end, by the signal of that number
        print(f"caffe: {error}", file=sys.stderr)
        return error.status
    if not member.leave_reason(error):
        return _abort(str(error))
    if isinstance(error, member.LostError):
        return member.LOST
    return _abort(None)


def _abort(text: str | None) -> int:
    """End as a failed check of Caffe's does: an F line, then SIGABRT, without a core file."""
    from caffe_mnist.engine.glog import fatal

    if text is not None:
        fatal("caffe.py:1", text)
    sys.stdout.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGABRT)
    return 134


if __name__ == "__main__":
    sys.exit(main())
