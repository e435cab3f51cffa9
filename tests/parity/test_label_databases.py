"""Labels that are vectors, in a database beside the pictures': real Caffe and the engine learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from caffe_mnist.convert import main
from tests.parity.training import train, train_here

pytestmark = pytest.mark.parity

COUNT, BATCH, STEPS = 60, 12, 30
NET = """
layer {{ name: "data" type: "Data" top: "data" transform_param {{ scale: 0.00390625 }}
  data_param {{ source: "{folder}/train_lmdb" batch_size: 12 backend: LMDB }} }}
layer {{ name: "label" type: "Data" top: "label"
  data_param {{ source: "{folder}/train_label_lmdb" batch_size: 12 backend: LMDB }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param {{ num_output: {width} weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "loss" type: "{loss}" bottom: "ip" bottom: "label" top: "loss" }}
"""
SOLVER = """
net: "{net}" base_lr: {rate} lr_policy: "fixed" momentum: 0.9 max_iter: 30 display: 1
random_seed: 3 solver_mode: CPU snapshot_after_train: false
"""


def _pictures(folder: Path) -> list[tuple[str, float, float]]:
    """A white disc on black in each picture, and where it is (0 to 1)."""
    random, rows = np.random.default_rng(0), []
    for number in range(COUNT):
        x, y = np.round(random.random(2), 4)
        picture = np.zeros((16, 16, 3), np.uint8)
        cv2.circle(picture, (int(3 + 10 * x), int(3 + 10 * y)), 3, (255, 255, 255), -1)
        cv2.imwrite(str(folder / f"a disc {number}.png"), picture)
        rows.append((f"a disc {number}.png", float(x), float(y)))
    return rows


@pytest.mark.parametrize(
    ("kind", "loss", "rate"),
    [("float", "EuclideanLoss", 0.005), ("multi", "SigmoidCrossEntropyLoss", 0.02)],
)
def test_both_learn_the_same_from_two_databases(
    real_caffe: Path, tmp_path: Path, kind: str, loss: str, rate: float
) -> None:
    """Regression and several classes a picture: losses of every iteration, falling, to 1e-4."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    lines = []
    for name, x, y in _pictures(pictures):
        ticked = " ".join(word for word, is_so in (("left", x < 0.5), ("top", y < 0.5)) if is_so)
        lines.append(f"{name}\t{ticked}\n" if kind == "multi" else f"{name} {x} {y}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    arguments = ["images", tmp_path / "list.txt", tmp_path / "set", "--root", pictures]
    assert main([*map(str, arguments), "--labels", kind, "--shuffle"]) == 0
    net = tmp_path / "net.prototxt"
    net.write_text(NET.format(folder=tmp_path / "set", width=2, loss=loss))
    solver = SOLVER.format(net=net, rate=rate)
    real = train((real_caffe / "caffe",), tmp_path, solver).losses
    ours = train_here(tmp_path, solver).losses
    assert len(real) == STEPS
    np.testing.assert_allclose(ours, real, rtol=1e-4, atol=1e-5)
    assert np.mean(ours[-5:]) < 0.6 * np.mean(ours[:5])
