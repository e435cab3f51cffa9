"""Time and memory as work grows: 1, 10 and 100 times the records, layers, snapshots, clients.

    python benchmarks/growth.py [--parts convert,train,net,snapshots,serve] [--quick]

Each row is one kind of work at three sizes, the middle of some rounds: CPU time, which other work
on the machine hardly changes, and resident memory (with the pages of files that are mapped)
beyond what the smallest size or an empty run of the same program has. The slope
is that of time over size between the last two sizes, on logarithmic scales: 1 is linear, below 1
is better. What grows faster than linear is marked, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import serve as serving

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FACTORS = (1, 10, 100)
# Steeper than this is worse than linear: measured times have some noise.
STEEP = 1.25
# Times below this are mostly a program's start: their slope says nothing.
LEAST = 0.02

# Runs a module's main and says which memory was its own at the most (kB), last on stderr.
MEASURED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
except SystemExit as end:
    status = end.code or 0
else:
    status = 0
text = open("/proc/self/status").read()
sys.stderr.write("\\nPEAK " + text.split("VmHWM:")[1].split()[0])
sys.stderr.flush()
sys.exit(status)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of each size, one round")
    options = parser.parse_args()
    unknown = sorted(set(options.parts.split(",")) - set(PARTS))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; known: {', '.join(PARTS)}")
    rounds, share = (1, 10) if options.quick else (options.rounds, 1)
    print("| work | sizes | CPU seconds | slope | MiB, own |")
    print("| --- | --- | --- | --- | --- |")
    steep = 0
    for part in options.parts.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for what, sizes, seconds, memories in PARTS[part](Path(folder), rounds, share):
                slope = _slope(sizes, seconds)
                worse = slope is not None and slope > STEEP
                steep += worse
                flat = "flat" if seconds[-1] <= 1.1 * seconds[0] else "too short"
                said = flat if slope is None else f"{slope:.2f}" + " (!)" * worse
                print(
                    f"| {what} | {', '.join(f'{size:,}' for size in sizes)} "
                    f"| {', '.join(f'{one:.3g}' for one in seconds)} | {said} "
                    f"| {', '.join(f'{one:.0f}' for one in memories) or '-'} |",
                    flush=True,
                )
    return 1 if steep else 0


Result = tuple[str, list[int], list[float], list[float]]


def _slope(sizes: list[int], seconds: list[float]) -> float | None:
    """Of the last two sizes, the time of the first one taken as what any size costs."""
    grown = [max(one - seconds[0], 0.0) for one in seconds[1:]]
    if min(grown) < LEAST:
        return None
    steps = [size - sizes[0] for size in sizes[1:]]
    return math.log(grown[1] / grown[0]) / math.log(steps[1] / steps[0])


def _run(module: str, *arguments: str) -> tuple[float, float]:
    """CPU seconds, and MiB at the most, of one command."""
    before = _children()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, module, *arguments],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    took = _children() - before
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)}:\n{done.stderr[-2000:]}")
    return took, int(done.stderr.rsplit("PEAK ", 1)[1]) / 1024


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _middle(work: Callable[[], tuple[float, float]], rounds: int) -> tuple[float, float]:
    found = [work() for _ in range(rounds)]
    return statistics.median(one for one, _ in found), statistics.median(one for _, one in found)


def convert(folder: Path, rounds: int, share: int) -> Iterator[Result]:
    """IDX files of more and more images into a database."""
    from caffe_mnist.datasets import digits

    sizes = [6000 * factor // share for factor in FACTORS]
    (folder / "idx").mkdir()
    digits.write_idx(folder / "idx", train=max(sizes[0], 10), test=10, seed=1)
    empty = _run("caffe_mnist.convert", "idx", "--help")[1]
    seconds, memories = [], []
    for size in sizes:
        images, labels = _grown(folder / "idx", size, folder)

        def one(images: Path = images, labels: Path = labels) -> tuple[float, float]:
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            return _run("caffe_mnist.convert", "idx", str(images), str(labels), str(out))

        took, peak = _middle(one, rounds)
        seconds.append(took)
        memories.append(max(peak - empty, 0.0))
    yield "`convert idx`, images", sizes, seconds, memories


def _grown(source: Path, size: int, folder: Path) -> tuple[Path, Path]:
    """The training set repeated up to `size` images, as IDX files."""
    images = (source / "train-images-idx3-ubyte").read_bytes()
    labels = (source / "train-labels-idx1-ubyte").read_bytes()
    count = size.to_bytes(4, "big")
    times = -(-size // (len(labels) - 8))
    paths = folder / f"images-{size}", folder / f"labels-{size}"
    for path, content, head, each in (
        (paths[0], images, 16, 784),
        (paths[1], labels, 8, 1),
    ):
        with open(path, "wb") as file:
            file.write(content[:4] + count + content[8:head])
            for turn in range(times):
                file.write(content[head : head + each * (size - turn * (len(labels) - 8))])
    return paths


def train(folder: Path, rounds: int, share: int) -> Iterator[Result]:
    """Two iterations of LeNet on larger and larger databases: how long until training begins."""
    from caffe_mnist.datasets import digits

    sizes = [6000 * factor // share for factor in FACTORS]
    (folder / "idx").mkdir()
    digits.write_idx(folder / "idx", train=max(sizes[0], 10), test=10, seed=1)
    seconds, memories = [], []
    for size in sizes:
        database = folder / f"db-{size}"
        images, labels = _grown(folder / "idx", size, folder)
        _run("caffe_mnist.convert", "idx", str(images), str(labels), str(database))
        solver = _solver(folder, database)
        work = partial(_run, "caffe_mnist.caffe", "train", "-solver", str(solver))
        took, peak = _middle(work, rounds)
        seconds.append(took)
        memories.append(peak)
    least = min(memories)
    yield "`caffe train`, 2 iterations, records", sizes, seconds, [one - least for one in memories]


def _solver(folder: Path, database: Path) -> Path:
    text = (ROOT / "prototxt/lenet/lenet_train_test.prototxt").read_text()
    net, solver = folder / "net.prototxt", folder / "solver.prototxt"
    net.write_text(re.sub(r'source: "[^"]*"', f'source: "{database}"', text))
    solver.write_text(
        f'net: "{net}" base_lr: 0.01 lr_policy: "fixed" max_iter: 2 display: 1 test_iter: 1 '
        "test_interval: 100 test_initialization: false snapshot_after_train: false "
        "solver_mode: CPU"
    )
    return solver


def net(folder: Path, rounds: int, share: int) -> Iterator[Result]:
    """Building nets of more and more layers, and an iteration of them."""
    from caffe_mnist.engine import glog
    from caffe_mnist.engine.net import Net
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import parse_text

    glog.write_from(2)
    sizes = [max(30 * factor // share, 2) for factor in FACTORS]
    build, run = [], []
    for size in [1, *sizes]:  # the first one loads the layers
        text = 'layer { name: "x" type: "Input" top: "l0" input_param { shape { dim: 2 } } }'
        for index in range(size):
            text += (
                f'layer {{ name: "l{index + 1}" type: "Power" bottom: "l{index}" '
                f'top: "l{index + 1}" }}\n'
            )
            if index % 3 == 2:  # blobs that several layers read are split
                text += f'layer {{ name: "s{index}" type: "Silence" bottom: "l{index}" }}\n'

        def one(text: str = text) -> tuple[float, float]:
            started = time.process_time()
            made = Net(parse_text(text, caffe_pb2.NetParameter, "growth"))
            built = time.process_time()
            made.forward()
            made.backward()
            return built - started, time.process_time() - built

        built, ran = _middle(one, rounds)
        build.append(built)
        run.append(ran)
    build, run = build[1:], run[1:]
    yield "building a net, layers", sizes, build, []
    yield "forward and backward, layers", sizes, run, []


def snapshots(folder: Path, rounds: int, share: int) -> Iterator[Result]:
    """A store with more and more snapshots: what the uploader, resume and people look at."""
    from caffe_mnist.storage.survey import newest, published

    sizes = [max(10 * factor // share, 1) for factor in FACTORS]
    rows: dict[str, tuple[list[float], list[float]]] = {}
    for size in sizes:
        store = folder / f"store-{size}"
        _published(store, folder, size)
        url = store.as_uri()

        def survey(url: str = url, size: int = size) -> tuple[float, float]:
            started = time.process_time()
            assert len(published(url)) == size
            assert newest(url) is not None
            return time.process_time() - started, 0.0

        def verify(url: str = url) -> tuple[float, float]:
            return _run("caffe_mnist.storage", "verify", url)

        def look(url: str = url) -> tuple[float, float]:
            return _run("caffe_mnist.storage", "ls", "--recursive", url)

        def keep(size: int = size) -> tuple[float, float]:
            return _kept(folder / f"local-{size}", size)

        for name, work in (
            ("newest snapshot, twice listed, snapshots", survey),
            ("`storage ls --recursive`, snapshots", look),
            ("`storage verify`, snapshots", verify),
            ("`--keep-local 2`, snapshots", keep),
        ):
            took, peak = _middle(work, rounds)
            seconds, memories = rows.setdefault(name, ([], []))
            seconds.append(took)
            memories.append(peak)
    for name, (seconds, memories) in rows.items():
        own = [one - min(memories) for one in memories] if any(memories) else []
        yield name, sizes, seconds, own


def _published(store: Path, folder: Path, count: int) -> None:
    from caffe_mnist.storage.snapshots import publish

    for number in range(1, count + 1):
        pair = [folder / f"m_iter_{number}.{end}" for end in ("caffemodel", "solverstate")]
        for path in pair:
            path.write_bytes(b"x" * 1000)
        publish(f"{store.as_uri()}/{number}", pair, number)


def _kept(folder: Path, count: int) -> tuple[float, float]:
    """How long retention takes with so many local pairs, all but two of which may go."""
    from caffe_mnist.launch.retention import Retention

    folder.mkdir(exist_ok=True)
    for number in range(1, count + 1):
        for end in ("caffemodel", "solverstate"):
            (folder / f"m_iter_{number}.{end}").write_bytes(b"x" * 1000)
    keeper = Retention(folder / "m", 2, None, frozenset(), frozenset(), "", 0.0, print)
    started = time.process_time()
    keeper.look()
    took = time.process_time() - started
    left = len(list(folder.iterdir()))
    if left != 2 * min(count, 2):
        raise SystemExit(f"retention left {left} files of {2 * count}")
    return took, 0.0


def serve(folder: Path, rounds: int, share: int) -> Iterator[Result]:
    """A thousand requests to the service by more and more clients at once."""
    model = _model(folder)
    port = serving.free_port()
    command = [
        sys.executable,
        "-m",
        "caffe_mnist.serve",
        str(model),
        "--port",
        str(port),
        "--queue",
        "1000",
    ]
    service = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        serving.wait(port)
        requests = 1000 // share
        sizes = [max(factor // share, 1) for factor in FACTORS]
        seconds, memories = [], []
        for size in sizes:
            work = partial(_timed, service.pid, port, size, requests)
            took, _ = _middle(work, rounds)
            seconds.append(took)
            memories.append(_resident(service.pid))
        least = min(memories)
        own = [one - least for one in memories]
        yield f"`serve`, {requests} requests, clients", sizes, seconds, own
    finally:
        service.terminate()
        service.wait(30)


def _timed(process: int, port: int, number: int, requests: int) -> tuple[float, float]:
    before = _used(process)
    asyncio.run(_ask(port, number, requests))
    return _used(process) - before, 0.0


def _used(process: int) -> float:
    """CPU seconds of a running process."""
    words = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def _ask(port: int, number: int, requests: int) -> None:
    """So many requests, shared by so many connections."""
    asked, left = serving.question(port), iter(range(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise SystemExit(f"the service says {head.decode()}")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(one() for _ in range(number)))


def _model(folder: Path) -> Path:
    """LeNet after a few iterations, as a run's final folder."""
    from caffe_mnist.datasets import digits

    (folder / "idx").mkdir()
    digits.write_idx(folder / "idx", train=640, test=100, seed=1)
    _run(
        "caffe_mnist.train", "--solver=prototxt/lenet/lenet_solver.prototxt",
        f"--data-url={folder / 'idx'}", f"--train-url={folder / 'store'}",
        f"--data-local-path={folder / 'data'}", f"--model-local-path={folder / 'model'}",
        "--caffe=embedded", "--set=max_iter=10", "--set=test_iter=1", "--set=snapshot=0",
    )  # fmt: skip
    return folder / "store" / "final"


def _resident(process: int) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


PARTS: dict[str, Callable[[Path, int, int], Iterator[Result]]] = {
    "convert": convert,
    "train": train,
    "net": net,
    "snapshots": snapshots,
    "serve": serve,
}


if __name__ == "__main__":
    sys.exit(main())
