"""Training on a GPU: the engine and a hand-written PyTorch loop of the same net and precision.

    python benchmarks/gpu.py [--nets LeNet-64,LeNet-1024,CaffeNet,ResNet-50]
                             [--precisions fp32,bf16] [--rounds 3] [--workers 1,2,4,8]
    python benchmarks/gpu.py --device cpu --quick     # tiny: that the script works, not how fast

Every figure comes from a process of its own, engine and loop in turns, and the middle of the
rounds is printed: images a second, the engine's share of the loop, peak memory. Data lies on the
device. With --workers, the engine's command trains on so many GPUs side by side, as many as the
machine has, and images a second are set against those of one. Without a GPU nothing is printed
but that.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nets
import peers

SETTINGS = {
    "LeNet-64": ("LeNet", 64, 28, 10, 2000),
    "LeNet-1024": ("LeNet", 1024, 28, 10, 500),
    "CaffeNet": ("CaffeNet", 256, 227, 1000, 60),
    "ResNet-50": ("ResNet-50", 128, 224, 1000, 40),
}
QUICK = {
    "LeNet-64": ("LeNet", 4, 28, 10, 2),
    "LeNet-1024": ("LeNet", 8, 28, 10, 2),
    "CaffeNet": ("CaffeNet", 1, 67, 10, 1),
    "ResNet-50": ("ResNet-50", 2, 33, 10, 1),
}
MAKERS = {"LeNet": nets.lenet, "CaffeNet": nets.caffenet, "ResNet-50": nets.resnet50}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--nets", default=",".join(SETTINGS))
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="1,2,4,8", help="empty: no scaling")
    parser.add_argument("--quick", action="store_true", help="tiny nets, one round")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        who, name, precision = arguments.measure
        print(json.dumps(measure(who, name, precision, arguments.device, arguments.quick)))
        return 0
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: nothing measured", file=sys.stderr)
        return 1
    print(f"{_machine(arguments.device)}, PyTorch {torch.__version__}, {time.strftime('%Y-%m-%d')}")
    if arguments.quick:
        print("(--quick: sizes at which nothing can be said about speed)")
    print(
        "\n| net | precision | engine images/s | loop images/s | engine ÷ loop | peak MiB, both |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    rounds = 1 if arguments.quick else arguments.rounds
    good = True
    for name in arguments.nets.split(","):
        for precision in arguments.precisions.split(","):
            good &= _row(name, precision, arguments, rounds)
    if arguments.workers:
        good &= _scaling(arguments, [int(word) for word in arguments.workers.split(",")])
    return 0 if good else 1


def _row(name: str, precision: str, arguments: argparse.Namespace, rounds: int) -> bool:
    """One row; False, with the reason on stderr, where a process failed: the others count."""
    found: dict[str, list[dict[str, float]]] = {"engine": [], "loop": []}
    try:
        for _ in range(rounds):
            for who, results in found.items():
                results.append(_child(who, name, precision, arguments))
    except ChildProcessError as error:
        print(f"| {name} | {precision} | failed | | | |", flush=True)
        print(error, file=sys.stderr)
        return False
    speeds = [statistics.median(one["speed"] for one in found[who]) for who in found]
    peaks = [max(one["peak"] for one in found[who]) / 2**20 for who in found]
    print(
        f"| {name} | {precision} | {speeds[0]:.0f} | {speeds[1]:.0f} "
        f"| {speeds[0] / speeds[1]:.2f} | {peaks[0]:.0f}, {peaks[1]:.0f} |",
        flush=True,
    )
    return True


def _child(who: str, name: str, precision: str, arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--device", arguments.device, "--measure"]
    command += [who, name, precision, *["--quick"] * arguments.quick]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ChildProcessError(f"{who}, {name}, {precision}:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(who: str, name: str, precision: str, kind: str, quick: bool) -> dict[str, float]:
    """Images a second and peak memory of one net, in this process."""
    import torch

    device = torch.device(kind, 0) if kind == "cuda" else torch.device("cpu")
    net, batch, size, classes, iterations = (QUICK if quick else SETTINGS)[name]
    warm = 1 if quick else 20
    if who == "loop":
        speed = peers.images_a_second(
            net, batch, size, classes, precision, device, warm, iterations
        )
    else:
        speed = _engine(net, batch, size, classes, precision, device, warm, iterations)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if kind == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
    return {"speed": speed, "peak": peak}


def _engine(
    name: str, batch: int, size: int, classes: int, precision: str, device: Any, warm: int,
    iterations: int,
) -> float:  # fmt: skip
    from caffe_mnist.engine import glog
    from caffe_mnist.engine.precision import find_precision, set_products
    from caffe_mnist.engine.recorder import recorder_for
    from caffe_mnist.engine.solver import Solver
    from caffe_mnist.engine.solver_run import Run
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import parse_text

    glog.write_from(2)
    chosen = find_precision(precision, device)
    set_products(chosen)
    param = parse_text(_solver(), caffe_pb2.SolverParameter, name)
    text = MAKERS[name](batch, size, classes, drawn=False)
    param.net_param.CopyFrom(parse_text(text, caffe_pb2.NetParameter, name))
    solver = Solver(param, Run(device, precision=chosen, recorder=recorder_for(device)))
    solver.step(warm)
    peers.wait(device)
    started = time.perf_counter()
    solver.step(iterations)
    peers.wait(device)
    return batch * iterations / (time.perf_counter() - started)


def _solver() -> str:
    return (
        'base_lr: 0.001 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 random_seed: 1 '
        "max_iter: 1000000 snapshot_after_train: false "
    )


def _scaling(arguments: argparse.Namespace, counts: list[int]) -> bool:
    """Images a second of the whole job for 1, 2, … workers, by the command's log.

    False, with the reason on stderr, where one of them failed.
    """
    import os

    import torch

    there = torch.cuda.device_count() if arguments.device == "cuda" else os.cpu_count() or 1
    counts = [count for count in counts if count <= there]
    if arguments.quick:
        counts = [count for count in counts if count <= 2]
    name = "LeNet-64" if arguments.device == "cpu" else "ResNet-50"
    print(f"\n| {name}, workers | images/s | ÷ one worker | of it per worker |")
    print("| --- | --- | --- | --- |")
    first, good = 0.0, True
    for count in counts:
        try:
            speed = _workers(name, count, arguments)
        except ChildProcessError as error:
            print(f"| {count} | failed | | |", flush=True)
            print(error, file=sys.stderr)
            good = False
            continue
        first = first or speed / count
        print(f"| {count} | {speed:.0f} | {speed / first:.2f} | {speed / first / count:.0%} |")
    print(f"\n{there} worker(s) of this kind are here: more were not measured.")
    return good


def _workers(name: str, count: int, arguments: argparse.Namespace) -> float:
    net, batch, size, classes, iterations = (QUICK if arguments.quick else SETTINGS)[name]
    display = max(iterations // 2, 1)
    with tempfile.TemporaryDirectory() as folder:
        model, solver = Path(folder, "net.prototxt"), Path(folder, "solver.prototxt")
        model.write_text(MAKERS[net](batch, size, classes, drawn=False))
        solver.write_text(
            f'{_solver()} net: "{model}" display: {display} '
            f"solver_mode: {'GPU' if arguments.device == 'cuda' else 'CPU'}\n".replace(
                "max_iter: 1000000", f"max_iter: {4 * display + 1}"
            )
        )
        command = [sys.executable, "-m", "caffe_mnist.caffe", "train", "-solver", str(solver)]
        if arguments.device == "cuda":
            command += ["-gpu", ",".join(map(str, range(count)))]
        elif count > 1:
            command += ["-workers", str(count)]
        done = subprocess.run(command, capture_output=True, text=True)
    rates = re.findall(r"Iteration \d+ \((\S+) iter/s", done.stderr)
    if done.returncode or len(rates) < 3:
        raise ChildProcessError(f"{name}, {count} worker(s):\n{done.stderr[-2000:]}")
    return count * batch * statistics.median(map(float, rates[2:]))


def _machine(kind: str) -> str:
    import torch

    if kind == "cuda":
        return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name(0)}"
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else "a CPU"


if __name__ == "__main__":
    sys.exit(main())
