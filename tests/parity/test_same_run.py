"""A run of real Caffe, repeated from its solver alone: the same seed, the same run."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from tests.parity.training import ENGINE, difference, train, weights

pytestmark = pytest.mark.parity

SOLVER = """
net: "net.prototxt" base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" max_iter: 30 display: 1
test_iter: 4 test_interval: 15 random_seed: 42 solver_mode: CPU snapshot: 30
"""
PICTURES = """
layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TRAIN }
  image_data_param { source: "list.txt" batch_size: 8 shuffle: true rand_skip: 3
                     new_height: 32 new_width: 32 }
  transform_param { crop_size: 28 mirror: true mean_value: 127 scale: 0.0078125 } }
layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TEST }
  image_data_param { source: "list.txt" batch_size: 5 new_height: 32 new_width: 32 }
  transform_param { crop_size: 28 mean_value: 127 scale: 0.0078125 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 5 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "tanh" type: "TanH" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 0.05 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SEQUENCES = """
layer { name: "data" type: "HDF5Data" top: "rows" top: "mark" top: "label"
  hdf5_data_param { source: "files.txt" batch_size: 12 shuffle: true } }
layer { name: "x" type: "Reshape" bottom: "rows" top: "x"
  reshape_param { shape { dim: 4 dim: 3 dim: 6 } } }
layer { name: "marks" type: "Reshape" bottom: "mark" top: "marks"
  reshape_param { shape { dim: 4 dim: 3 } } }
layer { name: "labels" type: "Reshape" bottom: "label" top: "labels"
  reshape_param { shape { dim: 4 dim: 3 } } }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "marks" top: "lstm"
  recurrent_param { num_output: 7 weight_filler { type: "uniform" min: -0.3 max: 0.3 } } }
layer { name: "rnn" type: "RNN" bottom: "lstm" bottom: "marks" top: "rnn"
  recurrent_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "rnn" top: "ip"
  inner_product_param { num_output: 5 axis: 2 weight_filler { type: "msra" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "labels" top: "loss"
  softmax_param { axis: 2 } }
"""


@pytest.mark.parametrize("net", [PICTURES, SEQUENCES], ids=["pictures", "sequences"])
def test_a_run_repeats_from_its_solver(net: str, real_caffe: Path, tmp_path: Path) -> None:
    """30 iterations with everything that chance decides end in the same weights and losses."""
    _write_data(tmp_path)
    (tmp_path / "net.prototxt").write_text(net)
    real, ours = (
        train(command, tmp_path, f'{SOLVER} snapshot_prefix: "{name}"')
        for name, command in (("real", (real_caffe / "caffe",)), ("ours", ENGINE))
    )
    ends = [weights(tmp_path / f"{name}_iter_30.caffemodel") for name in ("ours", "real")]
    assert difference(*ends) < 1e-4
    assert np.allclose(ours.losses, real.losses, rtol=1e-4)
    assert np.allclose(ours.tested("loss"), real.tested("loss"), rtol=1e-4)


def _write_data(folder: Path) -> None:
    random = np.random.default_rng(0)
    lines = []
    for number in range(40):
        picture = random.integers(0, 128, (30 + number % 7, 36, 3)) + number % 5 * 25
        cv2.imwrite(str(folder / f"{number}.png"), picture.astype(np.uint8))
        lines.append(f"{folder}/{number}.png {number % 5}\n")
    (folder / "list.txt").write_text("".join(lines))
    for number in range(2):
        with h5py.File(folder / f"{number}.h5", "w") as file:
            file["rows"] = random.normal(size=(31 + number, 6)).astype(np.float32)
            file["mark"] = (random.random(31 + number) > 0.3).astype(np.float32)
            file["label"] = random.integers(0, 5, 31 + number).astype(np.float32)
    (folder / "files.txt").write_text(f"{folder}/0.h5\n{folder}/1.h5\n")
