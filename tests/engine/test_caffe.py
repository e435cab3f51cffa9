"""The `caffe` command of the engine: flags, log, signals, snapshots, exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.engine.flags import Flags, UsageError, parse
from caffe_mnist.engine.snapshot import read_state
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary
from caffe_mnist.watch.log import PREFIX
from tests.fixtures import warm

COMMAND = [sys.executable, "-m", "caffe_mnist.caffe"]
NET = """
name: "tiny"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 }
  data_param { source: "mnist_train_lmdb" batch_size: 32 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 }
  data_param { source: "mnist_test_lmdb" batch_size: 50 backend: LMDB } }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param { num_output: 40 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt" test_iter: 6 test_interval: 20 base_lr: 0.05 momentum: 0.9
lr_policy: "inv" gamma: 0.001 power: 0.75 display: 10 max_iter: 40 snapshot: 20
snapshot_prefix: "run" solver_mode: CPU random_seed: 5
"""


@pytest.fixture
def folder(small_mnist: Path, tmp_path: Path) -> Path:
    """A folder with databases, a net and a solver."""
    mnist.convert(small_mnist, tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return tmp_path


def caffe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    return warm.run([*COMMAND, *arguments], cwd=folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "-solver", "S", "-gpu", "0"],
        ["train", "-solver=S", "--gpu=0"],
        ["-solver", "S", "train", "--gpu", "0"],
    ],
)
def test_flags_in_every_form(arguments: list[str]) -> None:
    """One dash or two, equals sign or not, before or after the command."""
    assert parse(arguments) == (["train"], Flags(solver="S", gpu="0"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-bogus"], "unknown command line flag 'bogus'"),
        (["-solver"], "missing its argument"),
        (["-iterations", "many"], "illegal value 'many'"),
        (["-sigint_effect", "wait"], "takes stop, snapshot or none"),
        (["-snapshot_at", "10,soon"], "takes iterations"),
    ],
)
def test_flags_that_are_wrong(arguments: list[str], message: str) -> None:
    """Each says which flag and why."""
    with pytest.raises(UsageError, match=message):
        parse(arguments)


def test_training_logs_as_caffe_does(folder: Path) -> None:
    """Loss falls; display, test and snapshot lines stand where parsers look for them."""
    result = caffe(folder, "train", "-solver", "solver.prototxt")
    assert result.returncode == 0, result.stderr
    log = result.stderr
    assert re.search(r"caffe.cpp:\d+\] Use CPU.", log)
    pattern = r"solver.cpp:\d+\] Iteration (\d+) \(\S+ iter/s, \S+s/10 iters\), loss = (\S+)"
    shown = [(int(n), float(loss)) for n, loss in re.findall(pattern, log)]
    assert [n for n, _ in shown] == [0, 10, 20, 30]
    assert shown[-1][1] < shown[0][1]
    assert re.search(r"sgd_solver.cpp:\d+\] Iteration 30, lr = 0.04\d+", log)
    assert re.findall(r"Iteration (\d+), Testing net \(#0\)", log) == ["0", "20", "40"]
    assert len(re.findall(r"    Test net output #0: accuracy = \S+\n", log)) == 3
    assert re.search(r"    Test net output #1: loss = \S+ \(\* 1 = \S+ loss\)", log)
    assert re.search(r"Snapshotting to binary proto file run_iter_20.caffemodel", log)
    assert re.search(r"solver.cpp:\d+\] Iteration 40, loss = ", log)
    assert log.rstrip().endswith("Optimization Done.")
    lines = [line for line in log.splitlines() if re.match(r"[IWEF]\d{4} ", line)]
    assert all(PREFIX.match(line) for line in lines)


def test_a_resumed_training_is_the_one_that_never_stopped(folder: Path) -> None:
    """Weights, momentum, learning rate and data go on; the losses are the same."""
    whole = caffe(folder, "train", "-solver", "solver.prototxt")
    weights = (folder / "run_iter_40.caffemodel").read_bytes()
    resumed = caffe(
        folder, "train", "-solver", "solver.prototxt", "-snapshot", "run_iter_20.solverstate"
    )
    assert resumed.returncode == 0, resumed.stderr
    pattern = r"Iteration (20|30) .*loss = (\S+)|Test net output #\d: (\w+ = \S+)"
    later = whole.stderr[whole.stderr.index("Iteration 20, Testing") :]
    assert re.findall(pattern, resumed.stderr) == re.findall(pattern, later)
    assert (folder / "run_iter_40.caffemodel").read_bytes() == weights


def test_snapshots_hold_what_caffe_writes(folder: Path) -> None:
    """Iteration, the name of the weights, one history for each parameter."""
    caffe(folder, "train", "-solver", "solver.prototxt")
    state = read_state(folder / "run_iter_40.solverstate")
    assert state.iteration == 40
    assert state.learned_net == "run_iter_40.caffemodel"
    assert [tuple(values.shape) for values in state.history] == [(40, 784), (40,), (10, 40), (10,)]
    net = read_binary(folder / "run_iter_40.caffemodel", caffe_pb2.NetParameter)
    assert [layer.name for layer in net.layer] == ["data", "ip1", "relu", "ip2", "loss"]


def test_snapshots_at_iterations_of_its_own(folder: Path) -> None:
    """-snapshot_at: beside the solver's interval, exact, also after a resume; each once."""

    def written() -> list[int]:
        return sorted(int(path.stem[9:]) for path in folder.glob("run_iter_*.solverstate"))

    assert caffe(folder, "train", "-solver=solver.prototxt", "-snapshot_at=1,7,20").returncode == 0
    assert written() == [1, 7, 20, 40]
    (folder / "run_iter_20.solverstate").unlink()
    state = ("-snapshot", "run_iter_7.solverstate", "-snapshot_at", "1,9,39")
    assert caffe(folder, "train", "-solver=solver.prototxt", *state).returncode == 0
    assert written() == [1, 7, 9, 20, 39, 40]


def test_scoring_finetuning_and_timing(folder: Path) -> None:
    """`test` gives the accuracy that training gave; `time` names every layer."""
    log = caffe(folder, "train", "-solver", "solver.prototxt").stderr
    accuracy = re.findall(r"Test net output #0: accuracy = (\S+)", log)[-1]
    scored = caffe(
        folder, "test", "-model", "net.prototxt", "-weights", "run_iter_40.caffemodel",
        "-iterations", "6",
    )  # fmt: skip
    assert f"caffe.cpp:321] accuracy = {accuracy}" in scored.stderr
    tuned = caffe(
        folder, "train", "-solver", "solver.prototxt", "-weights", "run_iter_40.caffemodel"
    )
    assert "Finetuning from run_iter_40.caffemodel" in tuned.stderr
    assert f"accuracy = {accuracy}" in tuned.stderr
    timed = caffe(folder, "time", "-model", "net.prototxt", "-iterations", "2")
    for name in ("data", "ip1", "relu", "ip2", "loss"):
        assert re.search(rf"caffe.cpp:400\]\s+{name}\tforward: \S+ ms\.", timed.stderr)
    assert "Average Forward-Backward" in timed.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "-solver", "nowhere"], "nowhere"),
        (["train"], "needs a solver"),
        (["train", "-solver", "solver.prototxt", "-snapshot", "a", "-weights", "b"], "not both"),
        (["train", "-solver", "solver.prototxt", "-snapshot", "a"], "a: cannot read"),
        (["train", "-solver", "solver.prototxt", "-weights", "net.prototxt"], "net.prototxt"),
        (["train", "-solver", "solver.prototxt", "-gpu", "9"], "-gpu|GPU 9"),
        (["test", "-model", "net.prototxt"], "needs weights"),
        (["time", "-model", "solver.prototxt"], "solver.prototxt:2:"),
    ],
)
def test_failures_are_fatal_lines(folder: Path, arguments: list[str], message: str) -> None:
    """An F line says what and where, without a traceback; the process ends by SIGABRT."""
    result = caffe(folder, *arguments)
    assert result.returncode == -signal.SIGABRT
    assert re.search(rf"^F\d{{4}} .*(?:{message})", result.stderr, re.MULTILINE), result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_flag_is_an_error_without_abort(folder: Path) -> None:
    """As with gflags: exit status 1."""
    result = caffe(folder, "train", "-bogus", "1")
    assert result.returncode == 1
    assert "unknown command line flag 'bogus'" in result.stderr


def _start(folder: Path, *flags: str) -> subprocess.Popen[str]:
    text = SOLVER.replace("max_iter: 40", "max_iter: 1000000").replace("snapshot: 20", "")
    (folder / "long.prototxt").write_text(text)
    process = subprocess.Popen(
        [*COMMAND, "train", "-solver", "long.prototxt", *flags],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "Iteration 10 " in line:
            return process
    raise AssertionError("the training did not begin")


def test_sigint_snapshots_and_stops(folder: Path) -> None:
    """The snapshot is complete, the log says so, and the exit status is 0."""
    process = _start(folder)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Optimization stopped early." in log
    (state,) = folder.glob("run_iter_*.solverstate")
    assert (folder / read_state(state).learned_net).is_file()


STOPPED_EARLY = """
import os, signal, sys
from caffe_mnist import caffe
from caffe_mnist.engine import solver_file
read = solver_file.read_solver
def stop(path):
    os.kill(os.getpid(), signal.SIGINT)
    return read(path)
solver_file.read_solver = stop
sys.exit(caffe.main(["train", "-solver", "solver.prototxt"]))
"""


def test_a_stop_during_the_start_is_heeded(folder: Path) -> None:
    """It waits until there is a training to stop: an exception in an import may be swallowed."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_EARLY], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Optimization stopped early." in done.stderr


def test_sighup_snapshots_and_goes_on(folder: Path) -> None:
    """Training continues after the snapshot."""
    process = _start(folder)
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while not list(folder.glob("run_iter_*.solverstate")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert len(list(folder.glob("run_iter_*.solverstate"))) == 2


def test_help_loads_nothing_heavy() -> None:
    """`--help` does not import torch."""
    code = (
        "import sys, caffe_mnist.caffe as c; c.main(['--help']); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


PYTHON_LAYER = """
import caffe

class Double(caffe.Layer):
    def setup(self, bottom, top):
        self.factor = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data * self.factor

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff * self.factor
"""
PYTHON_NET = """
layer { name: "in" type: "DummyData" top: "x" top: "label" dummy_data_param {
  shape { dim: 4 dim: 5 } shape { dim: 4 } data_filler { type: "gaussian" }
  data_filler { type: "constant" value: 1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "py" type: "Python" bottom: "ip" top: "y"
  python_param { module: "doubling" layer: "Double" param_str: "2" } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
"""


def test_layers_in_python_import_caffe(real_caffe: Path, tmp_path: Path) -> None:
    """A net with the user's own layer trains from the command line, as under real Caffe."""
    (tmp_path / "doubling.py").write_text(PYTHON_LAYER)
    (tmp_path / "net.prototxt").write_text(PYTHON_NET)
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 9 display: 3 '
        "random_seed: 2 solver_mode: CPU snapshot_after_train: false"
    )
    losses = []
    for program in ([real_caffe / "caffe"], [sys.executable, "-m", "caffe_mnist.caffe"]):
        result = warm.run(
            [*program, "train", "-solver", "solver.prototxt"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert result.returncode == 0, result.stderr[-2000:]
        losses.append(re.findall(r"iters\), loss = (\S+)", result.stderr))
    assert len(losses[0]) == 3
    assert losses[1] == losses[0]
