"""`caffe train -workers N`: one log, one snapshot writer, signals, failures, going on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import pytest

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import decode
from caffe_mnist.engine import member
from caffe_mnist.engine.agent import loss
from caffe_mnist.engine.beginning import Beginning
from caffe_mnist.engine.group import in_short
from caffe_mnist.engine.member import LOST
from caffe_mnist.engine.parts import Parts
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.engine.solver_run import Run
from caffe_mnist.engine.team import Team
from tests.engine.test_caffe import COMMAND, caffe, folder

__all__ = ["folder"]
SOLVER = ("train", "-solver", "solver.prototxt")
TWO = (*COMMAND, *SOLVER, "-workers", "2")
LIMIT = 120.0
DROPOUT = 'layer { name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" }'


@pytest.fixture
def endless(folder: Path) -> Path:
    """The same with a training that does not end."""
    text = (folder / "solver.prototxt").read_text()
    text = text.replace("max_iter: 40", "max_iter: 9999999").replace("snapshot: 20", "snapshot: 0")
    text = text.replace("test_interval: 20", "test_interval: 99999").replace(
        "display: 10", "display: 100"
    )
    (folder / "solver.prototxt").write_text(text)
    return folder


def until(true: Callable[[], object]) -> None:
    """Wait until something is true; fail when it takes too long."""
    end = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


class Training:
    """Two workers at work, and their log."""

    def __init__(self, folder: Path, *more: str, command: Sequence[str] = TWO) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as file:
            command = [*command, *more]
            self.process = subprocess.Popen(command, cwd=folder, stderr=file)

    def reach(self, words: str) -> None:
        """Until the log holds these words."""
        until(lambda: words in self.log.read_text() or self.process.poll() is not None)
        assert words in self.log.read_text()

    def workers(self) -> list[int]:
        """The processes of the two, in the order of their ranks."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        found = [int(pid) for path in children for pid in path.read_text().split()]
        ranks = {}
        for pid in found:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            ranks.update({word: pid for word in environment if word.startswith(b"RANK=")})
        return [ranks[key] for key in sorted(ranks)]

    def end(self) -> tuple[int, str]:
        """The exit status, and the log."""
        status = self.process.wait(LIMIT)
        return status, self.log.read_text()


def states(folder: Path) -> list[str]:
    """The iterations of the snapshots that are there."""
    return sorted(path.stem[9:] for path in folder.glob("run_iter_*.solverstate"))


def test_one_log_one_writer_and_a_resumed_training_is_the_whole_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines come once; weights after a resume are those of a run that never stopped.

    So are crops, mirrors and Dropout of both. Resumed by one worker alone, the data goes on after
    what two had taken.
    """
    net = (folder / "net.prototxt").read_text()
    net = net.replace("scale: 0.00390625", "scale: 0.00390625 crop_size: 24 mirror: true")
    net = net.replace('layer { name: "ip2"', f'{DROPOUT}\nlayer {{ name: "ip2"')
    (folder / "net.prototxt").write_text(net)
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = [*COMMAND, *SOLVER, "-workers", "2"]
    whole = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    assert whole.returncode == 0, whole.stderr
    assert not list(temporary.iterdir())  # PyTorch's agent leaves folders, unless told where
    assert "2 workers train together" in whole.stderr
    assert re.findall(r"Iteration (\d+), lr", whole.stderr) == ["0", "10", "20", "30"]
    assert re.findall(r"Iteration (\d+), Testing net", whole.stderr) == ["0", "20", "40"]
    assert whole.stderr.count("Snapshotting solver state") == 2
    assert whole.stderr.rstrip().endswith("Optimization Done.")
    weights = (folder / "run_iter_40.caffemodel").read_bytes()
    resumed = caffe(folder, *SOLVER, "-workers", "2", "-snapshot", "run_iter_20.solverstate")
    assert resumed.returncode == 0, resumed.stderr
    assert (folder / "run_iter_40.caffemodel").read_bytes() == weights
    assert not list(folder.glob(".*"))
    monkeypatch.chdir(folder)
    solver = Solver(read_solver("solver.prototxt"), Run())
    Beginning("run", Team()).begin(solver, "run_iter_20.solverstate")
    solver.net.forward()
    with Database("mnist_train_lmdb") as database:  # two took 2 × 20 batches of 32 of the 1200
        records = list(islice(database.records(2 * 20 * 32 - 1200), 32))
    labels = [decode(value, key, "").label for key, value in records]
    assert solver.net.blobs["label"].data.tolist() == labels
    solver.close()
    assert solver.more == {"workers": [[0, 2], [20, 1]]}


def test_torchrun_starts_it_too_and_again(folder: Path) -> None:
    """Without our launcher the command finds its place, and where an earlier attempt was left."""
    text = (folder / "solver.prototxt").read_text().replace("max_iter: 40", "max_iter: 1200")
    text = text.replace("snapshot: 20", "snapshot: 100").replace("test_interval: 20", "")
    (folder / "solver.prototxt").write_text(text.replace("test_iter: 6", ""))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    command += ["2", "--max-restarts", "1", "-m", "caffe_mnist.caffe", *SOLVER]
    training = Training(folder, command=command)
    until(lambda: states(folder) or training.process.poll() is not None)
    os.kill(training.workers()[1], signal.SIGKILL)
    status, log = training.end()
    assert status == 0, log
    assert log.count("2 workers train together") == 2
    assert re.search(r"Resuming from run_iter_\d+00\.solverstate", log)
    assert log.count("Optimization Done.") == 2
    assert "1200" in states(folder)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signals_stop_the_group_with_one_snapshot(endless: Path, name: str) -> None:
    """All stop after the same iteration, the status is 0, as for one."""
    training = Training(endless)
    training.reach("Iteration 100 ")
    if name == "SIGINT":  # a snapshot before, and on
        training.process.send_signal(signal.SIGHUP)
        until(lambda: states(endless))
    training.process.send_signal(signal.Signals[name])
    status, log = training.end()
    assert status == 0, log
    assert len(states(endless)) == (2 if name == "SIGINT" else 1)
    assert log.count("Optimization stopped early.") == 1


def test_a_worker_that_is_killed_ends_the_job_in_one_line(endless: Path) -> None:
    """Which one, and how; nobody is left over."""
    training = Training(endless)
    training.reach("Iteration 0, lr")
    workers = training.workers()
    os.kill(workers[1], signal.SIGKILL)
    status, log = training.end()
    assert status == -signal.SIGABRT
    fatal = [line for line in log.splitlines() if line.startswith("F")]
    assert [line.partition("] ")[2] for line in fatal] == ["worker 1 of 2 was killed by SIGKILL"]
    assert "Traceback" not in log
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_launcher_that_is_killed_takes_its_workers_along(endless: Path) -> None:
    """As a single training dies with its process."""
    training = Training(endless)
    training.reach("Iteration 0, lr")
    workers = training.workers()
    training.process.kill()
    training.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))


def test_a_fault_is_said_once(folder: Path) -> None:
    """Every worker meets it; the log says it in one line."""
    net = folder / "net.prototxt"
    net.write_text(net.read_text().replace("mnist_train_lmdb", "absent"))
    result = caffe(folder, *SOLVER, "-workers", "2")
    assert result.returncode == -signal.SIGABRT
    assert len(re.findall(r"^F", result.stderr, re.M)) == 1
    assert re.search(r"^F.*absent: there is no such database$", result.stderr, re.M)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-gpu", "0,1"), "cannot use GPU 0,1: PyTorch finds no CUDA device"),
        (("-nodes", "2"), "need a place to meet"),
        (("-nodes", "3:2", "-rdzv", "localhost"), "MIN is 1 or more, and MAX not less"),
        (("-nodes", "2", "-rdzv", "localhost:many"), "is not HOST:PORT"),
        (("-nodes", "2", "-rdzv", "localhost", "-node_rank", "2"), "2 is not 0 to 1"),
        (("-rdzv", "localhost"), "-rdzv is for several machines (-nodes N as well)"),
        (("-workers", "1000000"), "1000000 workers are too many for"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """Before any worker is started."""
    import torch

    if torch.cuda.is_available() and arguments[0] == "-gpu":
        pytest.skip("this machine has CUDA devices")
    result = caffe(folder, *SOLVER, *arguments)
    assert result.returncode == -signal.SIGABRT
    assert len(re.findall(r"^F", result.stderr, re.M)) == 1
    assert words in result.stderr


def test_a_port_that_is_in_use_is_one_line(folder: Path) -> None:
    """Said at once, and what to do."""
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        result = caffe(folder, *SOLVER, "-nodes", "2", "-rdzv", f"localhost:{port}")
    assert result.returncode == -signal.SIGABRT
    fatal = [line for line in result.stderr.splitlines() if line.startswith("F")]
    assert len(fatal) == 1
    assert f"port {port} of this machine, where the others are to come, is in use" in fatal[0]


def test_another_number_of_workers_goes_on_at_the_record() -> None:
    """What all took together is counted part by part, whoever trains now."""
    parts = Parts().going_on(0, 3).going_on(100, 3).going_on(120, 2)
    assert parts.parts == ((0, 3), (120, 2))
    assert [parts.taken(n, 5) for n in (0, 50, 120, 130)] == [0, 150, 360, 380]
    assert Parts().taken(70, 2) == 140
    assert parts.going_on(60, 1).parts == ((0, 3), (60, 1))
    more: dict[str, object] = {}
    parts.keep(more)
    assert Parts.of(more) == parts
    Parts().going_on(0, 1).keep(more)
    assert not more


@pytest.mark.parametrize("found", [3, "ab", [[1]], [[0, 0]], [[5, 1], [2, 1]], [["x", 1]], None])
def test_parts_that_make_no_sense_are_none(found: object) -> None:
    """A snapshot of somebody else's, whatever it holds."""
    assert Parts.of({"workers": found}) == Parts()


def test_the_cause_of_a_loss_goes_first() -> None:
    """One that was killed before those that the agent ended, and these before mere losses."""
    assert loss({0: -15, 1: -9, 2: LOST}, 3) == "worker 1 of 3 was killed by SIGKILL"
    assert loss({0: LOST, 1: 1}, 2) == "worker 1 of 2 ended with status 1"
    lost = "workers on another machine were lost, or out of reach"
    assert loss({0: LOST}, 3) == lost
    assert loss({0: -15, 1: LOST}, 4) == lost
    assert loss({0: -15, 1: LOST}, 2) == "worker 0 of 2 was killed by SIGTERM"
    assert loss({1: LOST}, 3, "lost the other workers: timed out") == f"{lost} (timed out)"


def test_of_what_the_library_says_the_cause_is_kept() -> None:
    """Without the places in its sources, and what it advises."""
    said = "[/__w/x/gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.3]:23681"
    words = f"{said}. This is typically caused by a remote worker crashing.\nframe #0"
    assert in_short(RuntimeError(words)) == "Connection closed by peer [10.0.0.3]:23681"
    assert in_short(RuntimeError("")) == "RuntimeError"


def catches_sighup(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGHUP, as a launcher that listens has."""
    found = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return found is not None and bool(int(found[1], 16) >> (signal.SIGHUP - 1) & 1)


def test_a_stop_is_heard_while_the_first_machine_is_not_there(folder: Path) -> None:
    """Nobody keeps the meeting at that port; to wait for it takes a quarter of an hour."""
    command = [*COMMAND, *SOLVER, "-nodes", "2", "-rdzv", "localhost:29377", "-node_rank", "1"]
    with (folder / "log").open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)
    try:
        until(lambda: catches_sighup(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 128 + signal.SIGINT
    finally:
        process.kill()
    assert "stopped by SIGINT while waiting for workers" in (folder / "log").read_text()


@pytest.mark.parametrize(
    ("around", "found"),
    [
        ({"TORCHELASTIC_RESTART_COUNT": "2"}, "2"),
        ({"TORCHELASTIC_RESTART_COUNT": "2", "GROUP_WORLD_SIZE": "2"}, ""),
        ({"TORCHELASTIC_RESTART_COUNT": "2", member.HOST: "0"}, ""),
        ({}, ""),
    ],
)
def test_attempts_have_names_where_all_count_alike(
    around: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that lost a worker counts an attempt, one that only meets it again does not."""
    for name in ("TORCHELASTIC_RESTART_COUNT", "GROUP_WORLD_SIZE", member.HOST):
        monkeypatch.delenv(name, raising=False)
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    assert member.attempt() == found
