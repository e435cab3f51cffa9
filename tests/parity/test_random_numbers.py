"""The same seed gives the same start: fillers and Dropout draw what real Caffe draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.parity.training import ENGINE, train, weights

FILLERS = (
    'type: "gaussian" mean: 0.25 std: 0.5',
    'type: "gaussian" std: 0.1 sparse: 20',
    'type: "uniform" min: -0.5 max: 0.25',
    'type: "xavier"',
    'type: "xavier" variance_norm: AVERAGE',
    'type: "msra"',
    'type: "msra" variance_norm: FAN_OUT',
    'type: "positive_unitball"',
    'type: "bilinear"',
    'type: "constant" value: 3',
)
INPUT = 'layer { name: "in" type: "DummyData" top: "in" dummy_data_param { %s } }\n'
SOLVER = (
    'net: "net.prototxt" base_lr: 0.001 lr_policy: "fixed" momentum: 0.9 display: 1 '
    "solver_mode: CPU "
)


def filled_net() -> str:
    """A convolution and a fully connected layer for each filler, one after the other."""
    text = INPUT % "shape { dim: 1 dim: 6 dim: 9 dim: 9 }"
    for index, filler in enumerate(FILLERS):
        text += (
            f'layer {{ name: "c{index}" type: "Convolution" bottom: "in" top: "c{index}" '
            f"convolution_param {{ num_output: 80 kernel_size: 5 "
            f"weight_filler {{ {filler} }} }} }}\n"
        )
        if "bilinear" not in filler:
            text += (
                f'layer {{ name: "i{index}" type: "InnerProduct" bottom: "in" top: "i{index}" '
                f"inner_product_param {{ num_output: 150 weight_filler {{ {filler} }} "
                f"bias_filler {{ {filler.replace('xavier', 'uniform')} }} }} }}\n"
            )
    return text


@pytest.mark.parity
@pytest.mark.parametrize("seed", [0, 7, 2**31 + 5])
def test_every_filler_draws_the_same_numbers(seed: int, real_caffe: Path, tmp_path: Path) -> None:
    """Weights are equal to the bit, but for sums (positive_unitball) in another order."""
    (tmp_path / "net.prototxt").write_text(filled_net())
    for name, program in {"real": (real_caffe / "caffe",), "ours": ENGINE}.items():
        text = SOLVER + f'max_iter: 0 random_seed: {seed} snapshot_prefix: "{name}"'
        train(program, tmp_path, text)
    ours, real = (weights(tmp_path / f"{name}_iter_0.caffemodel") for name in ("ours", "real"))
    assert ours.keys() == real.keys()
    for name, values in real.items():
        if "unitball" in FILLERS[int(name[1])]:
            np.testing.assert_allclose(ours[name], values, rtol=1e-5)
        else:
            np.testing.assert_array_equal(ours[name], values, err_msg=name)


TRAINED = (
    INPUT % 'shape { dim: 8 dim: 20 } data_filler { type: "gaussian" std: 1 }'
    + """
layer { name: "label" type: "DummyData" top: "label" dummy_data_param { shape { dim: 8 } } }
layer { name: "ip1" type: "InnerProduct" bottom: "in" top: "ip1"
  inner_product_param { num_output: 30 weight_filler { type: "msra" } } }
layer { name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" dropout_param { dropout_ratio: 0.3 } }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
)


@pytest.mark.parity
def test_a_run_is_repeated_from_its_seed(real_caffe: Path, tmp_path: Path) -> None:
    """Random data, start and Dropout: the same losses over 30 iterations, the same weights."""
    (tmp_path / "net.prototxt").write_text(TRAINED)
    losses = []
    for name, program in {"real": (real_caffe / "caffe",), "ours": ENGINE}.items():
        text = SOLVER + f'max_iter: 30 random_seed: 11 snapshot_prefix: "{name}"'
        losses.append(train(program, tmp_path, text).losses)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    ours, real = (weights(tmp_path / f"{name}_iter_30.caffemodel") for name in ("ours", "real"))
    for name, values in real.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, atol=1e-5)
