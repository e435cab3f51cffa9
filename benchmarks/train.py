"""Training speed: the embedded engine, real Caffe and a hand-written PyTorch loop, in one run.

    python benchmarks/train.py [--data FOLDER_OF_LMDBS] [--iterations 300] [--rounds 3]
    python benchmarks/train.py --nets CIFAR-10,CaffeNet,GoogLeNet [--rounds 3]

Every program trains LeNet (batch 64) on the same database, one after the other, in turns; the
middle of the rounds is printed as a Markdown table. The PyTorch loop has all data in memory
already, and neither reads nor decodes anything. With --nets, the nets of nets.py instead, fed by
DummyData, under real Caffe and the engine: forward, backward and update.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nets

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 100
DISPLAY = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with mnist_train_lmdb, mnist_test_lmdb")
    parser.add_argument("--caffe", default=str(ROOT / ".caffe/bin/caffe"))
    parser.add_argument("--iterations", type=int, default=300, help="100 at least (300)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nets", default="", help="of nets.py instead of LeNet: A,B,C or all")
    arguments = parser.parse_args()
    if arguments.iterations < 2 * DISPLAY:
        parser.error(f"--iterations: {2 * DISPLAY} at least, by which the log tells a speed")
    if os.path.isdir(arguments.caffe):
        arguments.caffe = os.path.join(arguments.caffe, "caffe")
    if arguments.nets:
        names = list(nets.NETS) if arguments.nets == "all" else arguments.nets.split(",")
        return large_nets(names, arguments.caffe, arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = arguments.data or _convert(work)
        solver = _solver(work, data, arguments.iterations)
        engine = [sys.executable, "-m", "caffe_mnist.caffe"]
        found: dict[str, list[float]] = {}
        firsts: list[float] = []
        for _ in range(arguments.rounds):
            if os.access(arguments.caffe, os.X_OK):
                speed, _ = _train([arguments.caffe], solver)
                found.setdefault("real Caffe 1.0 (CPU)", []).append(speed)
            for name, fast in (("PyTorch loop", False), ("PyTorch loop, channels last", True)):
                found.setdefault(name, []).append(_pytorch(data, arguments.iterations, fast))
            speed, first = _train(engine, solver)
            found.setdefault("embedded engine", []).append(speed)
            firsts.append(first)
    _report(found, firsts)
    return 0


def _report(found: dict[str, list[float]], firsts: list[float]) -> None:
    ours = statistics.median(found["embedded engine"])
    print("| LeNet, batch 64 | iterations/s (median) | least … most | engine ÷ this |")
    print("| --- | --- | --- | --- |")
    for name, speeds in found.items():
        middle = statistics.median(speeds)
        print(
            f"| {name} | {middle:.1f} | {min(speeds):.1f} … {max(speeds):.1f} "
            f"| {ours / middle:.2f} |"
        )
    print(
        f"\nFirst iteration of the engine after {statistics.median(firsts):.2f} s (whole process)."
    )


def _convert(work: Path) -> Path:
    from caffe_mnist.datasets import digits, mnist

    places = [os.environ.get("MNIST_DIR"), ROOT.parent / "shared/mnist", ROOT / ".cache/mnist"]
    source = next((Path(place) for place in places if place and Path(place).is_dir()), None)
    if source is None:
        source = work / "idx"
        source.mkdir()
        digits.write_idx(source, train=6000, test=1000, seed=1)
        print("no MNIST here: generated digits", file=sys.stderr)
    mnist.convert(source, work / "data")
    return work / "data"


def _solver(work: Path, data: Path, iterations: int) -> Path:
    from caffe_mnist.layouts.rewrite import write_tree
    from caffe_mnist.layouts.rules import Rules

    settings = {
        "max_iter": WARM_UP + iterations,
        "display": DISPLAY,
        "test_initialization": "false",
        "test_interval": 10**6,
        "snapshot": 0,
        "snapshot_after_train": "false",
    }
    rules = Rules(
        {"data": str(data), "model": str(work)},
        settings=tuple((key, str(value)) for key, value in settings.items()),
    )
    return write_tree(ROOT / "prototxt/lenet/lenet_solver.prototxt", work / "net", rules)


def _train(command: list[str], solver: Path) -> tuple[float, float]:
    """Iterations a second after the warm-up, by the log's clock, and seconds to the first."""
    started = time.time()
    log = subprocess.run(
        [*command, "train", "-solver", str(solver)], capture_output=True, text=True, check=True
    ).stderr
    pattern = r"I\d{4} (\d\d):(\d\d):(\d\d\.\d+)\s+\d+ \S+\] Iteration (\d+) .*loss ="
    times = {
        int(n): int(h) * 3600 + int(m) * 60 + float(s) for h, m, s, n in re.findall(pattern, log)
    }
    last = max(times)
    now = time.localtime(started)
    begun = now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec + started % 1
    return (last - WARM_UP) / (times[last] - times[WARM_UP]), times[0] - begun


def _pytorch(data: Path, iterations: int, channels_last: bool) -> float:
    """The loop that one writes by hand: nn.Sequential, autograd, optim.SGD, data in memory."""
    command = [sys.executable, __file__, "--loop", str(data), str(iterations), str(channels_last)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def loop(data: str, iterations: int, channels_last: bool) -> float:
    """Iterations a second of plain PyTorch; runs in a process of its own."""
    import torch
    from torch import nn

    from caffe_mnist.datasets.database import Database
    from caffe_mnist.datasets.datum import decode_batch

    with Database(f"{data}/mnist_train_lmdb") as database:
        batch = decode_batch(list(database.records()))
        assert batch is not None
        images = torch.from_numpy(batch[0]).float() / 256
        labels = torch.from_numpy(batch[1].copy())
    layers: list[nn.Module] = [
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    ]  # fmt: skip
    net = nn.Sequential(*layers)
    if channels_last:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=0.0005)
    loss_of = nn.CrossEntropyLoss()
    count = len(images) // 64
    for iteration in range(WARM_UP + iterations):
        if iteration == WARM_UP:
            begun = time.perf_counter()
        start = iteration % count * 64
        optimizer.zero_grad()
        loss = loss_of(net(images[start : start + 64]), labels[start : start + 64])
        loss.backward()
        optimizer.step()
    return iterations / (time.perf_counter() - begun)


def large_nets(names: list[str], caffe: str, rounds: int) -> int:
    """A row a net: real Caffe's time for an iteration, the engine's, and how near to a product."""
    engine = [sys.executable, "-m", "caffe_mnist.caffe"]
    print("| net | real Caffe ms | engine ms | Caffe ÷ engine | GFLOP/s | of a matrix product |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            net = Path(folder) / f"{name}.prototxt"
            net.write_text(nets.NETS[name]())
            iterations = 60 if name == "CIFAR-10" else 8
            theirs, ours = [], []
            for _ in range(rounds):
                if os.access(caffe, os.X_OK):
                    theirs.append(_iteration([caffe], net, iterations))
                ours.append(_iteration(engine, net, iterations))
            peak, work = _product_speed(), 3 * 2 * _multiply_adds(net) / 1e9
            real = statistics.median(theirs) if theirs else float("nan")
            mine = statistics.median(ours)
            print(
                f"| {name} | {1e3 * real:.0f} | {1e3 * mine:.0f} | {real / mine:.2f} "
                f"| {work / mine:.0f} | {work / mine / peak:.0%} of {peak:.0f} |",
                flush=True,
            )
    return 0


def _iteration(command: list[str], net: Path, iterations: int) -> float:
    """Seconds an iteration takes: the middle of those that the log gives, without the first."""
    solver = net.with_suffix(".solver")
    solver.write_text(
        f'net: "{net}" base_lr: 0.001 momentum: 0.9 weight_decay: 0.0005 lr_policy: "fixed" '
        f"max_iter: {iterations} display: 1 snapshot_after_train: false solver_mode: CPU"
    )
    run = [*command, "train", "-solver", str(solver)]
    log = subprocess.run(run, capture_output=True, text=True, check=True).stderr
    times = re.findall(r"Iteration \d+ \(.* iter/s, (\S+)s/1 iters\)", log)
    return statistics.median(map(float, times[2:]))


def _multiply_adds(net: Path) -> int:
    """Of one forward pass; backward is about twice as much."""
    command = [sys.executable, "-m", "caffe_mnist.net_summary", str(net), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return int(found["total"]["multiply_adds"])


def _product_speed() -> float:
    """GFLOP/s of a large matrix product on this machine, in a process of its own."""
    code = (
        "import time, torch\na = torch.randn(2048, 2048)\nbest = 9.0\nfor _ in range(9):\n"
        " t = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - t)\n"
        "print(2 * 2048**3 / best / 1e9)"
    )
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loop"]:
        print(loop(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True"))
        sys.exit(0)
    sys.exit(main())
