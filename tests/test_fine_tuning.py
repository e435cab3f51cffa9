"""Fine-tuning: a net that has seen one half of the flowers learns the other half faster."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")

from caffe_mnist import convert
from caffe_mnist.datasets import flowers
from tests.fixtures import warm

NET = """
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TRAIN }}
  transform_param {{ crop_size: 28 mirror: true mean_value: 110 scale: 0.0156 }}
  data_param {{ source: "data/train_lmdb" batch_size: 32 backend: LMDB }} }}
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TEST }}
  transform_param {{ crop_size: 28 mean_value: 110 scale: 0.0156 }}
  data_param {{ source: "data/val_lmdb" batch_size: 50 backend: LMDB }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 16 kernel_size: 5 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "pool1" top: "pool1" }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param {{ num_output: 32 kernel_size: 5 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }}
layer {{ name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param {{ pool: AVE kernel_size: 4 stride: 4 }} }}
layer {{ name: "{last}" type: "InnerProduct" bottom: "pool2" top: "scores"
  param {{ lr_mult: {mult} }} param {{ lr_mult: {mult} }}
  inner_product_param {{ num_output: {classes} weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "scores" bottom: "label" top: "accuracy"
  include {{ phase: TEST }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }}
"""
SOLVER = """
net: "{net}" base_lr: 0.02 momentum: 0.9 weight_decay: 0.0005 lr_policy: "fixed"
display: 10 test_iter: 2 test_interval: 20 test_initialization: false max_iter: {iterations}
snapshot: 0 snapshot_prefix: "model/x" random_seed: 3 solver_mode: CPU
"""


FIRST = 240  # iterations on the first half


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of small pictures, of different flowers."""
    folder = tmp_path_factory.mktemp("halves")
    for half, count, val in ((1, 400, 0.25), (2, 200, 0.5)):
        flowers.write(folder / f"pictures{half}", count=count, size=64, seed=half)
        assert convert.main(
            ["images", str(folder / f"pictures{half}"), str(folder / f"half{half}"),
             "--resize-height=32", "--resize-width=32", "--shuffle", f"--val={val}"]
        ) == 0  # fmt: skip
    return folder


def _write(run: Path, iterations: int, last: str, mult: int, classes: int, data: str) -> None:
    run.mkdir()
    net = NET.format(last=last, mult=mult, classes=classes)
    (run / "net.prototxt").write_text(net.replace('"data/', f'"{data}/'))
    (run / "solver.prototxt").write_text(SOLVER.format(net="net.prototxt", iterations=iterations))
    (run / "model").mkdir()


def _train(
    folder: Path, name: str, last: str, weights: Path, mult: int, iterations: int, classes: int
) -> subprocess.CompletedProcess[str]:
    """A job on the second half that starts with `weights`."""
    run = folder / name
    _write(run, iterations, last, mult, classes, "data")
    return subprocess.run(
        [sys.executable, "-m", "caffe_mnist.train", f"--solver={run / 'solver.prototxt'}",
         f"--data-local-path={folder / 'half2'}", f"--model-local-path={run / 'model'}",
         f"--train-url={run / 'store'}", "--caffe=embedded", f"--weights={weights}"],
        capture_output=True, text=True, timeout=300, cwd=run,
    )  # fmt: skip


def _from_scratch(
    folder: Path, name: str, half: int, iterations: int, last: str
) -> dict[int, float]:
    """The trainer alone; the accuracies in its log."""
    run = folder / name
    _write(run, iterations, last, 1, 5, str(folder / f"half{half}"))
    words = ["train", "-solver", "solver.prototxt"]
    done = warm.run([sys.executable, "-m", "caffe_mnist.caffe", *words], cwd=run, check=True)
    found = re.findall(r"Iteration (\d+), Testing.*?accuracy = (\S+)", done.stderr, re.S)
    return {int(iteration): float(accuracy) for iteration, accuracy in found}


def _accuracies(folder: Path, name: str) -> dict[int, float]:
    with (folder / name / "model" / "metrics.csv").open() as file:
        return {
            int(row["iteration"]): float(row["test0_accuracy"])
            for row in csv.DictReader(file)
            if row["test0_accuracy"]
        }


def test_better_and_faster_than_from_scratch(halves: Path) -> None:
    """After as many iterations it is better, and it is as good as the other's end much earlier."""
    _from_scratch(halves, "first", 1, FIRST, "ip")
    weights = halves / "first" / "model" / f"x_iter_{FIRST}.caffemodel"
    done = _train(halves, "tuned", "ip_flowers", weights, 10, 60, 5)
    assert done.returncode == 0, done.stderr
    tuned = _accuracies(halves, "tuned")
    scratch = _from_scratch(halves, "scratch", 2, 60, "ip_flowers")
    assert tuned[60] > scratch[60]
    assert max(tuned[20], tuned[40]) >= scratch[60]
    assert (halves / "tuned" / "store" / "final" / "labels.txt").read_text().split() == sorted(
        flowers.CLASSES
    )


def test_predict_names_the_flower(halves: Path) -> None:
    """By the names of the dataset that the model was trained on."""
    final = halves / "tuned" / "store" / "final"
    if not final.exists():
        pytest.skip("the training before has failed")
    picture = next((halves / "pictures2").glob("*.jpg"))
    done = warm.run([sys.executable, "-m", "caffe_mnist.predict", final, picture])
    assert done.returncode == 0, done.stderr
    found = re.search(r"The result: \[(\w+)\]", done.stdout)
    assert found is not None
    assert found[1] in flowers.CLASSES


def test_other_shapes_are_named(halves: Path) -> None:
    """A layer that kept its name with another shape: which one, both shapes, what to do."""
    weights = halves / "first" / "model" / f"x_iter_{FIRST}.caffemodel"
    if not weights.exists():
        pytest.skip("the training before has failed")
    done = _train(halves, "other", "ip", weights, 1, 20, 7)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "train: error:" in line]
    assert "'ip'" in line
    assert "shape mismatch" in line
    assert "5" in line
    assert "7" in line
    assert "rename" in line.lower()
