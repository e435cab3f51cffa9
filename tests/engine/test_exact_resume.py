"""Exact resume: what was stopped and resumed is, to the bit, what was never stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.beginning import Beginning
from caffe_mnist.engine.running_state import RunningState
from caffe_mnist.engine.snapshot import read_state
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_run import Run
from caffe_mnist.engine.team import Team
from caffe_mnist.engine.updates import rules
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_binary
from tests.fixtures import warm

CROPS = "transform_param { mirror: true crop_size: 5 mean_value: 100 scale: 0.01 }"
VARIED = """transform_param { mirror: true crop_size: 5 scale: 0.01 max_rotation_angle: 20
    min_side_min: 6 min_side_max: 9 distort_param { brightness_prob: 0.5 brightness_delta: 32
    contrast_prob: 0.5 contrast_lower: 0.5 contrast_upper: 1.5 } }"""
DATA = f"""layer {{ name: "d" type: "Data" top: "x" top: "label" {CROPS}
    data_param {{ source: "db" batch_size: 4 backend: LMDB }} }}"""
IMAGES = f"""layer {{ name: "d" type: "ImageData" top: "x" top: "label" {CROPS}
    image_data_param {{ source: "list.txt" batch_size: 3 shuffle: true rand_skip: 5
    is_color: false }} }}"""
WINDOWS = f"""layer {{ name: "d" type: "WindowData" top: "x" top: "label" {CROPS}
    window_data_param {{ source: "windows.txt" batch_size: 4 fg_fraction: 0.5 }} }}"""
ROWS = """layer { name: "d" type: "HDF5Data" top: "x" top: "label"
    hdf5_data_param { source: "%s" batch_size: 4 shuffle: true } }"""
NOISE = """layer { name: "d" type: "DummyData" top: "x" top: "label" dummy_data_param {
    shape { dim: 4 dim: 6 } shape { dim: 4 } data_filler { type: "gaussian" std: 1 }
    data_filler { type: "constant" value: 1 } } }"""
HIDDEN = """
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "h" inner_product_param { num_output: 6
    weight_filler { type: "xavier" } } }
layer { name: "r" type: "ReLU" bottom: "h" top: "h" }
layer { name: "drop" type: "Dropout" bottom: "h" top: "h" dropout_param { dropout_ratio: 0.4 } }"""
LSTM = """
layer { name: "s" type: "Reshape" bottom: "x" top: "s" reshape_param {
    shape { dim: 2 dim: 2 dim: -1 } } }
layer { name: "c" type: "DummyData" top: "c" dummy_data_param { shape { dim: 2 dim: 2 }
    data_filler { type: "constant" value: 1 } } }
layer { name: "lstm" type: "LSTM" bottom: "s" bottom: "c" top: "l" recurrent_param { num_output: 3
    weight_filler { type: "uniform" min: -1 max: 1 } } }
layer { name: "back" type: "Reshape" bottom: "l" top: "h" reshape_param { shape { dim: 4 dim: 3 }
    } }"""
HEAD = """
layer { name: "out" type: "InnerProduct" bottom: "h" top: "out" inner_product_param {
    num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }"""
SOLVER = """test_iter: 2 test_interval: 3 base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 4
    weight_decay: 0.01 max_iter: 11 solver_mode: CPU display: 1 average_loss: 3
    snapshot_after_train: false """

CASES = {
    "crops": (DATA + HIDDEN, ""),
    "iter-size": (DATA + HIDDEN, "iter_size: 3 random_seed: 3"),
    "images": (IMAGES + HIDDEN, ""),
    "windows": (WINDOWS + HIDDEN, ""),
    "hdf5": (ROWS % "one.txt" + HIDDEN, "iter_size: 2"),
    "hdf5-files": (ROWS % "two.txt" + HIDDEN, ""),
    "noise": (NOISE + HIDDEN, "clip_gradients: 0.5"),
    "recurrent": (NOISE + LSTM, "random_seed: 5"),
    "as-hdf5": (DATA + HIDDEN, "snapshot_format: HDF5"),
    "varied": (DATA.replace(CROPS, VARIED) + HIDDEN, ""),
    "varied-images": (IMAGES.replace(CROPS, VARIED) + HIDDEN, "iter_size: 2"),
    "shuffled": (DATA.replace('"db"', '"db?shuffle=1&seed=3"') + HIDDEN, ""),
    "plateau": (DATA + HIDDEN, 'lr_policy: "warmup:3+plateau" stepsize: 2'),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the present one, with some data in every form."""
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (11, 8, 8), np.uint8)
    with DatabaseWriter(str(tmp_path / "db")) as writer:
        around = [(head(1, 8, 8), tail(k % 5)) for k in range(11)]
        writer.put([(b"%04d" % k, around[k][0] + pictures[k].tobytes() + around[k][1])
                    for k in range(11)])  # fmt: skip
    for k, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
        with h5py.File(tmp_path / f"{k}.h5", "w") as file:
            rows = 5 + k
            file["x"] = random.normal(size=(rows, 6)).astype(np.float32)
            file["label"] = (np.arange(rows) % 5).astype(np.float32)
    (tmp_path / "list.txt").write_text("".join(f"{k}.png {k % 5}\n" for k in range(11)))
    (tmp_path / "one.txt").write_text("8.h5\n")
    (tmp_path / "two.txt").write_text("0.h5\n1.h5\n2.h5\n")
    windows = [f"# {k}\n{k}.png\n3\n8\n8\n2\n1 0.9 0 0 6 6\n2 0.1 1 1 7 7\n" for k in range(3)]
    (tmp_path / "windows.txt").write_text("".join(windows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(net: str, more: str, at: int = 0, state: str = "") -> tuple[list[str], bytes]:
    """Losses as displayed and tested, and the parameters at the end; a snapshot after `at`."""
    import contextlib
    import io

    Path("net.prototxt").write_text(net + HEAD)
    base = SOLVER.replace('lr_policy: "step" ', "") if "lr_policy" in more else SOLVER
    base = base.replace("stepsize: 4", "") if "stepsize" in more else base
    text = f'net: "net.prototxt" snapshot_prefix: "run" {base} {more}'
    solver = parse_text(text, caffe_pb2.SolverParameter, "solver")
    with contextlib.redirect_stderr(io.StringIO()) as log:
        trained = Solver(solver, Run(snapshot_at=frozenset({at})))
        try:
            trained.solve(state or None)
        finally:
            trained.close()
    lines = re.findall(r"Iteration (\d+).*?(loss = \S+)|(Test net output.*)", log.getvalue())
    found = [" ".join(line) for line in lines]
    learnt = [item.parameter.data for item in trained.net.parameters.learnables]
    return found, b"".join(values.numpy().tobytes() for values in learnt)


@pytest.mark.parametrize("case", list(CASES))
def test_every_source_and_every_chance(folder: Path, case: str) -> None:
    """Places in the data, orders, crops, mirrors, Dropout, noise, recurrent states, mean losses:
    with a seed or without."""
    net, more = CASES[case]
    ending = ".h5" if "HDF5" in more else ""
    losses, end = train(net, more, at=5)
    resumed, same_end = train(net, more, state=f"run_iter_5.solverstate{ending}")
    at = next(k for k, line in enumerate(losses) if line.startswith("5 "))
    assert resumed == losses[at:]
    assert same_end == end


@pytest.mark.parametrize("kind", list(rules))
def test_every_solver_type(folder: Path, kind: str) -> None:
    """Histories go on, of one array a parameter and of two."""
    more = f'type: "{kind}" random_seed: 1'
    if rules.get(kind).takes_momentum:
        more += " momentum: 0.9"
    losses, end = train(DATA + HIDDEN, more, at=6)
    resumed, same_end = train(DATA + HIDDEN, more, state="run_iter_6.solverstate")
    assert (resumed[-5:], same_end) == (losses[-5:], end)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_stopped(folder: Path, how: signal.Signals) -> None:
    """Of a process: killed after a snapshot, or stopped by Ctrl-C with one; then as if not."""
    (folder / "net.prototxt").write_text(DATA + HIDDEN + HEAD)
    text = f'net: "net.prototxt" snapshot_prefix: "run" {SOLVER} snapshot: 4 random_seed: 2'
    text = text.replace("max_iter: 11", "max_iter: 4000").replace("snapshot_after_train: false", "")
    (folder / "solver.prototxt").write_text(text)
    command = [sys.executable, "-m", "caffe_mnist.caffe", "train", "-solver", "solver.prototxt"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Iteration 9 " in line:
                process.send_signal(how)
        process.wait()
    if how == signal.SIGINT:
        assert process.returncode == 0
    state = max(folder.glob("*.solverstate"), key=lambda path: read_state(path).iteration)
    at = read_state(state).iteration
    assert at >= 8
    (folder / "solver.prototxt").write_text(text.replace("max_iter: 4000", f"max_iter: {at + 7}"))
    runs = []
    for arguments in ([], ["-snapshot", str(state)]):
        done = warm.run([*command, *arguments])
        assert done.returncode == 0, done.stderr
        runs.append(
            re.findall(r"Iteration \d+ .*(loss = .*)|(Test net output.*)", done.stderr)[-8:]
        )
    assert runs[0] == runs[1]


def test_a_state_of_other_data_is_said_and_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other files than the state was made with: a warning, and the training goes on."""
    train(ROWS % "two.txt" + HIDDEN, "", at=5)
    (folder / "two.txt").write_text("0.h5\n")
    solver = parse_text(f'net: "net.prototxt" {SOLVER}', caffe_pb2.SolverParameter, "solver")
    trained = Solver(solver)
    trained.restore("run_iter_5.solverstate")
    trained.step(1)
    trained.close()
    assert "does not go on where it was: layer 'd' (an order of other files)" in (
        capsys.readouterr().err
    )


def test_caffe_sees_its_own_fields_only(folder: Path) -> None:
    """The state is Caffe's message, with one field more that its schema does not have."""
    train(DATA + HIDDEN, "", at=5)
    state = read_binary("run_iter_5.solverstate", caffe_pb2.SolverState)
    assert (state.iter, state.learned_net, len(state.history)) == (5, "run_iter_5.caffemodel", 4)
    assert {field.name for field, _ in state.ListFields()} <= {
        "iter", "learned_net", "history", "current_step"
    }  # fmt: skip
    assert RunningState.from_bytes(read_state("run_iter_5.solverstate").running).train


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"version": 2}', b'{"version": 1}',
        b'{"version":1,"random":{},"train":[[1]],"tests":[],"losses":[],"more":{}}',
        b'{"version":1,"random":{"array":"object","shape":[1],"bytes":""},"train":[],"tests":[],'
        b'"losses":[],"more":{}}',
        b'{"version":1,"random":{"array":"uint8","shape":[9],"bytes":"AA=="},"train":[],'
        b'"tests":[],"losses":[],"more":{}}',
    ],
)  # fmt: skip
def test_what_is_no_running_state(content: bytes) -> None:
    """Damaged, hostile, and newer ones are refused in one way."""
    with pytest.raises(ValueError, match="no running state"):
        RunningState.from_bytes(content)


def test_a_restored_step_that_overrides_the_solver_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """multistep counts on from the state, as in Caffe, and says so where stepvalues changed."""
    steps = 'lr_policy: "multistep" stepvalue: 2 stepvalue: 4'
    base = SOLVER.replace('lr_policy: "step" gamma: 0.5 stepsize: 4', "gamma: 0.1 ")
    Path("net.prototxt").write_text(DATA + HIDDEN + HEAD)
    text = f'net: "net.prototxt" snapshot_prefix: "run" {base}'
    first = Solver(parse_text(f"{text} {steps}", caffe_pb2.SolverParameter, "solver"))
    first.step(6)
    first.snapshot()
    first.close()
    steps = steps.replace("stepvalue: 4", "stepvalue: 8")
    then = Solver(parse_text(f"{text} {steps}", caffe_pb2.SolverParameter, "solver"))
    capsys.readouterr()
    then.restore("run_iter_6.solverstate")
    assert "has taken 2 step(s) of lr_policy multistep" in capsys.readouterr().err
    then.step(3)
    then.close()
    assert re.findall(r"lr = (\S+)", capsys.readouterr().err) == ["0.0005"] * 3


def test_weights_beside_the_state_go_first(folder: Path) -> None:
    """A snapshot that was moved takes its own weights, not another run's at the old path."""
    train(DATA + HIDDEN, "random_seed: 1", at=5)
    (folder / "moved").mkdir()
    for path in folder.glob("run_iter_5.*"):
        path.rename(folder / "moved" / path.name)
    right = torch.tensor(np.frombuffer((folder / "moved/run_iter_5.caffemodel").read_bytes(), "u1"))
    train(DATA + HIDDEN, "random_seed: 2", at=5)
    wrong = (folder / "run_iter_5.caffemodel").read_bytes()
    solver = parse_text(
        f'net: "net.prototxt" snapshot_prefix: "again" {SOLVER}', caffe_pb2.SolverParameter, "s"
    )
    trained = Solver(solver)
    trained.restore("moved/run_iter_5.solverstate")
    trained.snapshot()
    trained.close()
    found = (folder / "again_iter_5.caffemodel").read_bytes()
    assert found != wrong
    assert found == bytes(right.numpy())


class Two(Team):
    """The root of two whose other one is as the root itself."""

    def __init__(self) -> None:
        super().__init__(size=2)

    def gather(self, content: bytes) -> list[bytes]:
        """As if both had said the same."""
        return [content, content]


@pytest.mark.parametrize("source", ["one.txt", "two.txt"])
def test_shuffled_rows_go_on_in_their_order_with_several_workers(
    folder: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that tests drew from, too, is that of the snapshot, and not drawn anew."""
    monkeypatch.setattr("caffe_mnist.engine.beginning.others.note", lambda solver: None)
    Path("net.prototxt").write_text(ROWS % source + HIDDEN + HEAD)
    text = f'net: "net.prototxt" snapshot_prefix: "run" random_seed: 3 {SOLVER}'
    param = parse_text(text, caffe_pb2.SolverParameter, "solver")
    seen = []
    for state in ("", "run_iter_5.solverstate"):
        solver = Solver(param, Run(team=Two(), snapshot_at=frozenset({5})))
        solver.more["others"] = ["{}"]
        Beginning("run", solver.team).begin(solver, state)
        solver.step(5 - solver.iteration)
        solver.step(4)
        seen.append([solver.net.blobs[name].data.clone() for name in ("x", "label")])
        solver.close()
    for ours, theirs in zip(*seen):
        assert torch.equal(ours, theirs)
