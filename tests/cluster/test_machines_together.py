"""Three machines at one job, in network namespaces: one comes late and is killed again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from caffe_mnist.engine.running_state import RunningState
from caffe_mnist.engine.snapshot import read_state
from tests.cluster.netns import NETWORK, machines
from tests.engine.test_caffe import NET, SOLVER

LIMIT = 400.0


def until(true: Callable[[], object]) -> None:
    """Wait until something is true; fail when it takes too long."""
    end = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


class Machine:
    """One machine's launcher, with a folder of its own."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "net.prototxt").write_text(NET)
        solver = SOLVER.replace("max_iter: 40", "max_iter: 2000").replace(
            "snapshot: 20", "snapshot: 100"
        )
        solver = solver.replace("test_interval: 20", "test_interval: 150")
        (folder / "solver.prototxt").write_text(solver)
        command = ["ip", "netns", "exec", name, sys.executable, "-m", "caffe_mnist.train"]
        command += ["--solver", "solver.prototxt", "--caffe", "embedded", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (folder / "said").open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=file, stderr=file
            )

    def log(self) -> str:
        """Everything said on this machine."""
        found = [self.folder / "said", *self.folder.rglob("*.log")]
        return "\n".join(path.read_text(errors="replace") for path in found)


def pull_out(name: str) -> None:
    """Kill everything on a machine, at once."""
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=True)
    for pid in map(int, pids.stdout.split()):
        os.kill(pid, signal.SIGKILL)


def test_a_machine_comes_late_and_is_lost_and_the_others_go_on(
    small_mnist: Path, tmp_path: Path
) -> None:
    """From the newest snapshot each time, with the store, the log and the data of one job."""
    store = tmp_path / "store"
    shared = ("--data-url", str(small_mnist), "--train-url", str(store), "--rdzv", f"{NETWORK}.1")
    conf = ("--rdzv-conf", "keep_alive_interval=1,keep_alive_max_attempt=3,last_call_timeout=2")
    with machines(3) as names:
        begun: list[Machine] = []

        def begin(name: str) -> None:
            begun.append(Machine(name, tmp_path / name, "--nodes", "2:3", *shared, *conf))

        try:
            begin(names[0])
            begin(names[1])
            first, second = begun
            until(lambda: iterations(first.folder))
            begin(names[2])
            until(lambda: "3 workers train together" in first.log())
            newest = max(iterations(first.folder))
            until(lambda: max(iterations(first.folder)) > newest)
            pull_out(names[2])
            until(lambda: all(one.process.poll() is not None for one in (first, second)))
        finally:
            for name in names:
                pull_out(name)
            for one in begun:
                one.process.wait(30)
    log = first.log()
    assert first.process.returncode == 0, log
    assert second.process.returncode == 0, second.log()
    formed = re.findall(r"(\d) workers train together", (first.folder / "said").read_text())
    assert formed == ["2", "3", "2"]
    assert "a machine joins, or lost a worker; the group is formed again" in log
    assert len(set(re.findall(r"Resuming from \S+_iter_\d+\.solverstate", log))) == 2
    assert not iterations(second.folder)
    state = read_state(next(first.folder.rglob("*_iter_2000.solverstate")))
    assert state.iteration == 2000
    parts = RunningState.from_bytes(state.running).more["workers"]
    assert [workers for _, workers in parts] == [2, 3, 2]
    assert (store / "final").is_dir()
    assert len(list(store.glob("*/manifest.json"))) >= 19
    assert "done: the model is on the first machine" in second.log()
    # What the library says of connections is told by our lines.
    for one in begun:
        assert not re.search(r"^\[[WE]\d|Exception raised|Traceback", one.log(), re.M)


def iterations(folder: Path) -> list[int]:
    """Of which there are snapshots on a machine."""
    found = folder.rglob("*_iter_*.solverstate")
    return sorted({int(path.stem.rpartition("_")[2]) for path in found})
