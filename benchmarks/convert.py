"""Converting IDX to LMDB, whole process against whole process: this package and real Caffe.

    python benchmarks/convert.py [--mnist FOLDER] [--caffe BIN] [--rounds N]

The two take turns, on 60,000 images and on ten times as many, into new databases on the same
disk. Prints a Markdown table; exit status 1 if a median is above real Caffe's, or the records
differ. Without MNIST it takes generated digits; without real Caffe it measures this package.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from caffe_mnist.datasets import digits, mnist  # noqa: E402
from caffe_mnist.datasets.database import Database  # noqa: E402

OURS = [sys.executable, "-m", "caffe_mnist.convert", "idx"]


class Case(NamedTuple):
    name: str
    images: Path
    labels: Path
    total: int
    peer: bool = True


class Run(NamedTuple):
    seconds: float
    private_mib: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default=os.environ.get("MNIST_DIR"), metavar="FOLDER")
    parser.add_argument("--caffe", default=ROOT / ".caffe" / "bin", type=Path, metavar="BIN")
    parser.add_argument("--rounds", default=15, type=int, metavar="N")
    parser.add_argument("--folder", metavar="FOLDER", help="where to work (default: TMPDIR)")
    options = parser.parse_args()
    program = options.caffe / "convert_mnist_data"
    real = [str(program), "-backend=lmdb"] if program.exists() else None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return _report(_cases(Path(folder), options.mnist), real, Path(folder), options.rounds)


def _cases(folder: Path, source: str | None) -> list[Case]:
    """The training set, plain and compressed, and ten times the training set."""
    if source is None:
        digits.write_idx(folder, train=60_000, test=10)
        source = str(folder)
    files = mnist.find(source)
    once = folder / "images", folder / "labels"
    ten = folder / "images10", folder / "labels10"
    zipped = folder / "images.gz", folder / "labels.gz"
    for i, path in enumerate(files[:2]):
        content = Path(path).read_bytes()
        content = gzip.decompress(content) if path.endswith(".gz") else content
        start = 16 if i == 0 else 8
        count = int.from_bytes(content[4:8], "big")
        once[i].write_bytes(content)
        header = content[:4] + (10 * count).to_bytes(4, "big") + content[8:start]
        with ten[i].open("wb") as file:
            file.write(header)
            for _ in range(10):
                file.write(content[start:])
        zipped[i].write_bytes(gzip.compress(content, 6))
    return [
        Case("plain", *once, count),
        Case("plain, ten times as many", *ten, 10 * count),
        Case("gzip", *zipped, count, peer=False),
    ]


def _report(cases: list[Case], real: list[str] | None, folder: Path, rounds: int) -> int:
    good = True
    print("| input | images | this package | real Caffe | ratio of medians | private memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in cases:
        peer = real if case.peer else None
        ours, theirs, memory = _take_turns(case, peer, folder, rounds)
        row = [case.name, f"{case.total:,}", _seconds(ours), "-", "-", f"{memory:.0f} MiB"]
        if theirs:
            ratio = _median(ours) / _median(theirs)
            good = good and ratio <= 1
            row[3:5] = [_seconds(theirs), f"{ratio:.2f}"]
        print("| " + " | ".join(row) + " |", flush=True)
    print("\nSeconds: median (fastest) of", rounds, "runs, process start and imports included.")
    print("Private memory: largest seen while it ran, the mapped files aside.")
    return 0 if good else 1


def _take_turns(
    case: Case, real: list[str] | None, folder: Path, rounds: int
) -> tuple[list[Run], list[Run], float]:
    """Runs of this package and of real Caffe, and the most private memory of ours in MiB."""
    ours: list[Run] = []
    theirs: list[Run] = []
    out, other = folder / "ours", folder / "real"
    memory = 0.0
    for round_number in range(rounds + 1):
        for command, target, runs in ((OURS, out, ours), (real, other, theirs)):
            if command is None:
                continue
            shutil.rmtree(target, ignore_errors=True)
            # The first round warms up; memory is watched there alone, for watching takes time.
            warm_up = round_number == 0
            run = _run([*command, str(case.images), str(case.labels), str(target)], warm_up)
            if not warm_up:
                runs.append(run)
            elif command is OURS:
                memory = run.private_mib
    if real is not None:
        _compare(out, other)
    return ours, theirs, memory


def _run(command: list[str], watch: bool) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    largest = 0
    while watch and process.poll() is None:
        largest = max(largest, _private(process.pid))
        time.sleep(0.005)
    status = process.wait()
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")
    return Run(seconds, largest / 1024)


def _private(pid: int) -> int:
    """Anonymous memory of a process in KiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _compare(one: Path, other: Path) -> None:
    with Database(one) as first, Database(other) as second:
        same = len(first) == len(second) and all(
            a == b for a, b in zip(first.records(), second.records())
        )
    if not same:
        raise SystemExit("the records differ")


def _median(runs: list[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _seconds(runs: list[Run]) -> str:
    return f"{_median(runs):.3f} ({min(run.seconds for run in runs):.3f}) s"


if __name__ == "__main__":
    sys.exit(main())
