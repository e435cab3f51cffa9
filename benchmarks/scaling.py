"""What a training on many machines does and costs, by formula and by simulation.

    python benchmarks/scaling.py [--machines 1,8,64,256] [--net resnet50|caffenet] [--price 1.0]
    python benchmarks/scaling.py --measure        # the rates of this machine first (a minute)

Every machine trains with a share of each batch (data-parallel, gradients averaged by a ring),
reads its share of the records from a local disk, and the first one uploads snapshots. Averaging
is counted as if it began when all gradients are there. The rates are those of one machine: the
defaults were measured on the 2 cores of the README's tables, and each can be given. A simulation
plays iterations of all machines, with computing times that vary, queues of batches read ahead,
and machines that fail; a formula says the same in one line. Where the two are more than a tenth
apart the exit status is 1.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import tempfile
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

CLASSES = 21_841
# Learnt values of a net with so many classes: those below its last layer, and the last layer's.
NETS = {"resnet50": 23_508_032 + 2049 * CLASSES, "caffenet": 56_868_224 + 4097 * CLASSES}
AHEAD = 4


@dataclass(frozen=True)
class Rates:
    """One machine, its network, and the job; times in seconds, rates a second."""

    images: float = 26.4  # forward, backward and update: CaffeNet, 2 cores (README)
    decoded: float = 656.0  # JPEGs of 500 x 375 to 256 x 256: 2,000 in 3.05 s, 2 cores (README)
    disk: float = 400e6  # bytes read from a local disk
    network: float = 1.25e9  # bytes to and from each machine (10 Gbit/s)
    latency: float = 50e-6  # of one message
    store: float = 100e6  # bytes from one machine to the store
    batch: int = 64  # pictures of one machine in one iteration
    record: float = 30e3  # bytes of one picture in the database
    pictures: float = 14.2e6
    epochs: float = 90.0
    variation: float = 0.05  # standard deviation of computing times over their mean
    snapshot: int = 2000  # iterations between snapshots
    lifetime: float = 90 * 86400.0  # of a machine between failures
    again: float = 180.0  # to notice, form the group again and start


@dataclass(frozen=True)
class Outcome:
    """A job: what an iteration takes and waits for, images a second, hours of wall clock."""

    iteration: float
    data: float
    network: float
    stragglers: float
    failures: float
    speed: float
    hours: float


def allreduce(rates: Rates, machines: int, values: int) -> float:
    """Seconds for a ring to average so many floats."""
    if machines == 1:
        return 0.0
    steps = 2 * (machines - 1)
    return steps * (4 * values / machines / rates.network + rates.latency)


def reading(rates: Rates) -> float:
    """Seconds to read and decode one machine's batch: the slower of the two."""
    return max(rates.batch / rates.decoded, rates.batch * rates.record / rates.disk)


def pause(rates: Rates, values: int) -> float:
    """Seconds that a snapshot (weights and history) holds the training up: a write to the disk."""
    return 8 * values / rates.disk


def failing(rates: Rates, machines: int, values: int, iteration: float) -> float:
    """The share of time lost: after a failure, what no snapshot in the store has yet.

    Of a time to the next failure that is exponential, whole intervals are kept.
    """
    rate = machines / rates.lifetime
    between, uploaded = rates.snapshot * iteration, 8 * values / rates.store
    kept = between * math.exp(-rate * uploaded) / math.expm1(rate * between)
    return 1 - kept / (1 / rate + rates.again)


def formula(rates: Rates, machines: int, values: int) -> Outcome:
    """In one line: the slower of computing and reading, the slowest machine, and the ring."""
    compute, read = rates.batch / rates.images, reading(rates)
    ring = allreduce(rates, machines, values)
    late = compute * rates.variation * _most_of(machines)
    # Reading goes on while the ring turns, so it only holds up what it is slower than.
    data = max(read - (compute + late + ring), 0.0)
    saved = pause(rates, values) / rates.snapshot
    iteration = compute + late + ring + data + saved
    failures = failing(rates, machines, values, iteration)
    return _outcome(rates, machines, (iteration, data, ring, late, failures))


def _most_of(machines: int) -> float:
    """How many deviations the largest of so many normal numbers lies above the mean (Blom)."""
    if machines == 1:
        return 0.0
    from statistics import NormalDist

    return NormalDist().inv_cdf((machines - 0.375) / (machines + 0.25))


def simulate(rates: Rates, machines: int, values: int, iterations: int = 400) -> Outcome:
    """Iterations of all machines with varying times, then years of failures at that pace."""
    random = np.random.default_rng(machines)
    mean, read = rates.batch / rates.images, reading(rates)
    spread = math.sqrt(math.log(1 + rates.variation**2))
    ring, saved = allreduce(rates, machines, values), pause(rates, values) / rates.snapshot
    ready = np.zeros(machines)  # when each reader has its present batch
    starts: list[float] = []
    now = waited = late = 0.0
    for turn in range(iterations):
        room = starts[turn - AHEAD] if turn >= AHEAD else 0.0  # the queue holds so many
        ready = np.maximum(ready, room) + read
        compute = mean * random.lognormal(-(spread**2) / 2, spread, machines)
        begin = np.maximum(now, ready)
        waited += float(begin.mean()) - now
        finish = begin + compute
        late += float(finish.max() - finish.mean())
        starts.append(now)
        now = float(finish.max()) + ring + saved
    iteration = now / iterations
    failures = _failures(rates, machines, values, iteration, random)
    found = iteration, waited / iterations, ring, late / iterations, failures
    return _outcome(rates, machines, found)


def _failures(
    rates: Rates, machines: int, values: int, iteration: float, random: np.random.Generator
) -> float:
    """The share of time lost, by drawing failures until some hundreds have happened."""
    between, uploaded = rates.snapshot * iteration, 8 * values / rates.store
    clock = lost = 0.0
    for _ in range(2000):
        alive = random.exponential(rates.lifetime / machines)
        # The newest snapshot that is whole in the store: taken before the failure, and uploaded.
        safe = max(math.floor((alive - uploaded) / between), 0) * between
        clock += alive + rates.again
        lost += alive - safe + rates.again
    return min(lost / clock, 1.0)


def _outcome(
    rates: Rates, machines: int, found: tuple[float, float, float, float, float]
) -> Outcome:
    iteration, failures = found[0], found[4]
    speed = machines * rates.batch / iteration * (1 - failures)
    hours = rates.pictures * rates.epochs / speed / 3600 if speed else math.inf
    return Outcome(*found, speed, hours)


def saturates(rates: Rates, outcome: Outcome) -> str:
    """What takes the largest part of the time beside computing, with its share."""
    parts = {
        "reading": outcome.data / outcome.iteration,
        "network": outcome.network / outcome.iteration,
        "stragglers": outcome.stragglers / outcome.iteration,
        "failures": outcome.failures,
    }
    name = max(parts, key=lambda one: parts[one])
    return f"{name} {parts[name]:.0%}" if parts[name] >= 0.01 else "computing"


def measured() -> dict[str, float]:
    """This machine's rates: a training net's pictures, JPEGs decoded, bytes read."""
    return {"images": _images(), "decoded": _decoded(), "disk": _disk()}


def _images() -> float:
    import nets

    from caffe_mnist.engine import glog
    from caffe_mnist.engine.solver import Solver
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import parse_text

    glog.write_from(2)
    text = 'base_lr: 0.001 lr_policy: "fixed" momentum: 0.9 max_iter: 100 random_seed: 1'
    param = parse_text(text, caffe_pb2.SolverParameter, "scaling")
    net = nets.caffenet(16, drawn=False)
    param.net_param.CopyFrom(parse_text(net, caffe_pb2.NetParameter, "scaling"))
    solver = Solver(param)
    solver.step(1)
    started = time.perf_counter()
    solver.step(3)
    return 3 * 16 / (time.perf_counter() - started)


def _decoded() -> float:
    from PIL import Image

    from caffe_mnist.engine.data.pictures import read_picture
    from caffe_mnist.engine.data.workers import Workers

    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).resize((500, 375)).save(content, "JPEG", quality=90)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "one.jpg")
        path.write_bytes(content.getvalue())
        workers = Workers()
        started = time.perf_counter()
        count = 0
        while time.perf_counter() - started < 2:
            workers.map(lambda _: read_picture(str(path), True, 256, 256), range(64))
            count += 64
        took = time.perf_counter() - started
        workers.close()
    return count / took


def _disk() -> float:
    """Of a file that was just written, so mostly from memory: an upper bound."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(2**27))
        file.flush()
        started = time.perf_counter()
        with open(file.name, "rb", buffering=0) as again:
            while again.read(2**20):
                pass
        return float(2**27 / (time.perf_counter() - started))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--machines", default="1,8,64,256")
    parser.add_argument("--net", default="caffenet", choices=NETS)
    parser.add_argument("--price", type=float, help="of one machine for an hour")
    parser.add_argument("--measure", action="store_true", help="this machine's rates first")
    for field in fields(Rates):
        kind = int if isinstance(field.default, int) else float
        parser.add_argument(f"--{field.name}", type=kind, help=f"({field.default:g})")
    arguments = parser.parse_args()
    rates = Rates()
    if arguments.measure:
        found = measured()
        print("measured here: " + ", ".join(f"{name} {one:.4g}" for name, one in found.items()))
        rates = replace(rates, **found)
    given = {field.name: getattr(arguments, field.name) for field in fields(Rates)}
    rates = replace(rates, **{name: value for name, value in given.items() if value is not None})
    values = NETS[arguments.net]
    print(f"{arguments.net}, {values / 1e6:.1f} million values learnt, {rates.batch} pictures each")
    print("\n| machines | images/s | ÷ machines | first to saturate | days | machine hours "
          "| formula ÷ simulation |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- |")
    apart = False
    for machines in map(int, arguments.machines.split(",")):
        seen, said = simulate(rates, machines, values), formula(rates, machines, values)
        ratio = said.speed / seen.speed
        apart |= not 0.9 < ratio < 1.1
        cost = f"{seen.hours * machines:,.0f}"
        if arguments.price is not None:
            cost += f" ({seen.hours * machines * arguments.price:,.0f})"
        one = seen.speed / machines / rates.images
        print(
            f"| {machines} | {seen.speed:,.0f} | {one:.0%} | {saturates(rates, seen)} "
            f"| {seen.hours / 24:,.1f} | {cost} | {ratio:.2f} |"
        )
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
