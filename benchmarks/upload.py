"""Uploads to object storage: this package and `rclone copy`, to the same server, in turns.

    python benchmarks/upload.py [--rounds 5] [--servers rclone,swift]
        [--cases publish,cp,files] [--size 500] [--files 2000]

A snapshot of 500 MB (two files), once by `python -m caffe_mnist.storage cp` and once as the
uploader publishes it, with its manifest; and 2,000 files of 20 KB. The servers are
`rclone serve s3` and OpenStack Swift with its S3 layer, started here on the loopback. Whole
processes are timed, imports included. Prints a Markdown table of medians; exit status 1 if a
median of ours for the snapshot is below 0.8 of rclone's speed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fixtures.swift import running  # noqa: E402

COPY = "python -m caffe_mnist.storage cp"
PUBLISH = "publish, with manifest"
LEAST = 0.8
PUBLISHING = (
    "import sys; from pathlib import Path; from caffe_mnist.storage.snapshots import publish; "
    "publish(sys.argv[2], sorted(Path(sys.argv[1]).iterdir()), 1)"
)


class Server(NamedTuple):
    """A server, what it is to rclone, and its keys."""

    name: str
    endpoint: str
    provider: str
    key: str
    secret: str

    def environment(self) -> dict[str, str]:
        """Keys for both programs."""
        names = {
            "TYPE": "s3", "PROVIDER": self.provider, "ENDPOINT": self.endpoint,
            "ACCESS_KEY_ID": self.key, "SECRET_ACCESS_KEY": self.secret, "REGION": "us-east-1",
        }  # fmt: skip
        return {
            **os.environ,
            **{f"RCLONE_CONFIG_THERE_{name}": value for name, value in names.items()},
            "RCLONE_CONFIG": "",
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "PYTHONPATH": str(ROOT),
        }


class Case(NamedTuple):
    """What is sent, and how ours sends it."""

    name: str
    folder: Path
    ours: str
    size: int
    judged: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="rclone,swift")
    parser.add_argument("--cases", default="publish,cp,files")
    parser.add_argument("--size", type=int, default=500, help="of the snapshot, in MB")
    parser.add_argument("--files", type=int, default=2000, help="of 20 KB")
    parser.add_argument("--rclone", default=shutil.which("rclone", path=_path()) or "rclone")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    starters = {"rclone": _rclone_server, "swift": _swift_server}
    good = True
    with tempfile.TemporaryDirectory() as work:
        cases = _cases(Path(work), options)
        print("| server | what | by | this package | rclone copy | speed, ours / rclone's |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in options.servers.split(","):
            with starters[name](Path(work), options.rclone) as server:
                for case in cases:
                    good = _measure(server, case, options.rclone, options.rounds) and good
    print(f"\nSeconds: median (fastest) of {options.rounds} rounds after one that is not counted.")
    return 0 if good else 1


def _path() -> str:
    """Programs beside this interpreter, then the others."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _cases(work: Path, options: argparse.Namespace) -> list[Case]:
    megabytes, files = options.size, options.files
    chance = random.Random(1)
    snapshot, small = work / "snapshot", work / "small"
    for folder in (snapshot, small):
        folder.mkdir()
    half = megabytes * 10**6 // 2
    for ending in ("caffemodel", "solverstate"):
        with (snapshot / f"net_iter_1.{ending}").open("wb") as file:
            for begin in range(0, half, 10**6):
                file.write(chance.randbytes(min(10**6, half - begin)))
    for number in range(files):
        (small / f"{number:05}.jpg").write_bytes(chance.randbytes(20_000))
    size = 2 * half
    whole, many = f"snapshot of {megabytes} MB", f"{files:,} files of 20 KB"
    cases = {
        "publish": Case(whole, snapshot, PUBLISH, size, True),
        "cp": Case(whole, snapshot, COPY, size, True),
        "files": Case(many, small, COPY, files * 20_000, False),
    }
    return [cases[name] for name in options.cases.split(",")]


def _measure(server: Server, case: Case, rclone: str, rounds: int) -> bool:
    """Ours and theirs in turns; prints one row. Whether ours is fast enough."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds + 1):
        for ours in (True, False) if number % 2 else (False, True):
            target = f"bench/{'ours' if ours else 'theirs'}"
            words = [rclone, "copy", str(case.folder), f"there:{target}"]
            if ours:
                words = [sys.executable, "-m", "caffe_mnist.storage", "cp"]
                if case.ours == PUBLISH:
                    words = [sys.executable, "-c", PUBLISHING]
                words += [str(case.folder), f"s3://{target}"]
            taken = _run(words, server)
            _run([rclone, "purge", f"there:{target}"], server)
            if number:
                seconds[ours].append(taken)
    ratio = statistics.median(seconds[False]) / statistics.median(seconds[True])
    cells = [server.name, case.name, case.ours, _cell(seconds[True], case.size)]
    cells += [_cell(seconds[False], case.size), f"{ratio:.2f}"]
    print(f"| {' | '.join(cells)} |", flush=True)
    return ratio >= LEAST or not case.judged


def _run(words: list[str], server: Server) -> float:
    begun = time.perf_counter()
    done = subprocess.run(words, env=server.environment(), capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{words}: exit status {done.returncode}\n{done.stderr}")
    return seconds


def _cell(seconds: list[float], size: int) -> str:
    middle = statistics.median(seconds)
    return f"{middle:.2f} ({min(seconds):.2f}) s, {size / middle / 1e6:.0f} MB/s"


@contextlib.contextmanager
def _rclone_server(work: Path, rclone: str) -> Iterator[Server]:
    folder = work / "served"
    (folder / "bench").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "bench,secret"]
    words += ["--vfs-cache-mode", "off", str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        endpoint = f"http://127.0.0.1:{port}"
        yield Server("rclone serve s3", endpoint, "Rclone", "bench", "secret")
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _swift_server(work: Path, rclone: str) -> Iterator[Server]:
    with running(work / "swift") as swift:
        swift.make_bucket("bench")
        yield Server("Swift", swift.endpoint, "Other", swift.key, swift.secret)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
