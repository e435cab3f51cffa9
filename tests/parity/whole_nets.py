"""Whole nets, each run by real Caffe and by the engine from one solver and its seed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caffe_mnist.datasets import record
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver

HERE = Path(__file__).parent
PROTOTXT = HERE.parents[1] / "prototxt"
# The ready nets among them, with the shape of their pictures.
READY = {"cifar10": (3, 32, 32), "softmax": (1, 28, 28), "mlp": (1, 28, 28)}
ITERATIONS = 10
SOLVER = (
    'net: "net.prototxt" test_iter: 1 test_interval: 4 lr_policy: "fixed" momentum: 0.9 '
    "weight_decay: 0.001 random_seed: 5 solver_mode: CPU snapshot_after_train: false "
)

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class WholeNet:
    """A net in `nets/` (or a ready one), and what its solver adds to the common settings."""

    name: str
    settings: str = "base_lr: 0.01"

    def write(self, folder: Path) -> None:
        """Net, solver and data into a new folder."""
        folder.mkdir()
        path = HERE / "nets" / f"{self.name}.prototxt"
        if self.name in READY:
            path = PROTOTXT / self.name / f"{self.name}_train_test.prototxt"
        text = path.read_text()
        if self.name in READY:
            text = re.sub(r"batch_size: \d+", "batch_size: 8", text)
            for seed, source in enumerate(re.findall(r"/home/work/dataset/(\w+)", text), 1):
                write_pictures(folder / source, 40, seed, READY[self.name])
            text = text.replace("/home/work/dataset/", "")
        (folder / "net.prototxt").write_text(text)
        (folder / "solver.prototxt").write_text(SOLVER + self.settings + "\n")


NETS = (
    WholeNet("cifar10", "base_lr: 0.001"),
    WholeNet("softmax", "base_lr: 0.1"),
    WholeNet("mlp"),
    WholeNet("autoencoder"),
    WholeNet("siamese"),
    WholeNet("residual", "base_lr: 0.001"),
    WholeNet("inception"),
    WholeNet("fcn", "base_lr: 1e-5"),
    WholeNet("lstm_tagger", "base_lr: 0.1 clip_gradients: 1"),
)


def write_pictures(path: Path, count: int, seed: int, shape: tuple[int, int, int]) -> None:
    """An LMDB of small pictures drawn by chance, with labels 0 to 9."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 256, (count, *shape), np.uint8)
    with DatabaseWriter(path) as writer:
        writer.put(
            (b"%08d" % index, record.head(*shape) + picture.tobytes() + record.tail(int(label)))
            for index, (picture, label) in enumerate(zip(pictures, random.integers(0, 10, count)))
        )


def real_results(caffe: Path, folders: Sequence[Path]) -> dict[str, Arrays]:
    """What real Caffe makes of each folder, by the folder's name, in one process."""
    command = [caffe / "caffe-python", HERE / "solver_runner.py", str(ITERATIONS), *folders]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return {folder.name: dict(np.load(folder / "real.npz")) for folder in folders}


def engine_results(folder: Path) -> Arrays:
    """What solver_runner.py does, on the engine."""
    out: Arrays = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        solver = Solver(read_solver("solver.prototxt"))
        net = solver.net
        net.parameters.clear_diffs()
        net.forward()
        net.backward()
        _keep(net, "pass", out, True)
        for index, tested in enumerate(solver.test_nets):
            tested.share_parameters(net)
            tested.forward()
            _keep(tested, f"test{index}", out, False)
        for turn in range(ITERATIONS):
            solver.step(1)
            for name in net.outputs:
                out[f"outputs|{name}|{turn}"] = net.blobs[name].data.numpy().copy()
        _keep(net, "end", out, False)
        solver.close()
    finally:
        os.chdir(before)
    return out


def differences(ours: Arrays, real: Arrays, kind: str) -> dict[str, float]:
    """The largest difference in each array whose name begins with `kind`, relative to its largest.

    Where gradients or weights cancel out, what is left of them is rounding: arrays whose largest
    value is below a thousandth of the largest of all of that kind are held to that thousandth.
    """
    assert ours.keys() == real.keys()
    arrays = {name: values for name, values in real.items() if name.startswith(kind)}
    floor = 1e-3 * max(float(np.abs(values).max(initial=0)) for values in arrays.values())
    found = {}
    for name, values in arrays.items():
        assert ours[name].shape == values.shape, name
        scale = max(float(np.abs(values).max(initial=0)), floor) or 1.0
        found[name] = float(np.abs(ours[name] - values).max(initial=0)) / scale
    return found


def _keep(net: Net, where: str, out: Arrays, gradients: bool) -> None:
    for name, blob in net.blobs.items():
        out[f"{where}|data|{name}"] = blob.data.numpy().copy()
    for layer in net.layers:
        for index, parameter in enumerate(layer.blobs):
            out[f"{where}|weights|{layer.name}|{index}"] = parameter.data.numpy().copy()
            if gradients:
                out[f"{where}|gradients|{layer.name}|{index}"] = parameter.diff.numpy().copy()
