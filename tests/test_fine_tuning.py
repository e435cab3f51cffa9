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
  data_param {{ source: "data/val_lmdb" batch_size: 40 backend: LMDB }} }}
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


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of small pictures, of different flowers."""
    folder = tmp_path_factory.mktemp("halves")
    for half in (1, 2):
        flowers.write(folder / f"pictures{half}", count=400, size=64, seed=half)
        assert convert.main(
            ["images", str(folder / f"pictures{half}"), str(folder / f"half{half}"),
             "--resize-height=32", "--resize-width=32", "--shuffle", "--val=0.2"]
        ) == 0  # fmt: skip
    return folder


def _train(
    folder: Path, name: str, half: int, iterations: int, last: str, mult: int, *more: str
) -> subprocess.CompletedProcess[str]:
    run = folder / name
    run.mkdir()
    classes = 5 if "classes=7" not in more else 7
    net = NET.format(last=last, mult=mult, classes=classes)
    (run / "net.prototxt").write_text(net)
    (run / "solver.prototxt").write_text(SOLVER.format(net="net.prototxt", iterations=iterations))
    words = [word for word in more if word.startswith("--")]
    return subprocess.run(
        [sys.executable, "-m", "caffe_mnist.train", f"--solver={run / 'solver.prototxt'}",
         f"--data-local-path={folder / f'half{half}'}", f"--model-local-path={run / 'model'}",
         f"--train-url={run / 'store'}", "--caffe=embedded", *words],
        capture_output=True, text=True, timeout=300, cwd=run,
    )  # fmt: skip


def _accuracies(folder: Path, name: str) -> dict[int, float]:
    with (folder / name / "model" / "metrics.csv").open() as file:
        return {
            int(row["iteration"]): float(row["test0_accuracy"])
            for row in csv.DictReader(file)
            if row["test0_accuracy"]
        }


def test_better_and_faster_than_from_scratch(halves: Path) -> None:
    """After as many iterations it is better, and it is as good as the other's end much earlier."""
    done = _train(halves, "first", 1, 240, "ip", 1)
    assert done.returncode == 0, done.stderr
    (weights,) = (halves / "first" / "store" / "final").glob("*.caffemodel")
    for name, words in (("tuned", [f"--weights={weights}"]), ("scratch", [])):
        done = _train(halves, name, 2, 60, "ip_flowers", 10 if words else 1, *words)
        assert done.returncode == 0, done.stderr
    tuned, scratch = _accuracies(halves, "tuned"), _accuracies(halves, "scratch")
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
    final = halves / "first" / "store" / "final"
    if not final.exists():
        pytest.skip("the training before has failed")
    (weights,) = final.glob("*.caffemodel")
    done = _train(halves, "other", 2, 20, "ip", 1, f"--weights={weights}", "classes=7")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "train: error:" in line]
    assert "'ip'" in line
    assert "shape mismatch" in line
    assert "5" in line
    assert "7" in line
    assert "rename" in line.lower()
