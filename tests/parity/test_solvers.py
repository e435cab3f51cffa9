"""Each solver and learning rate policy for 50 iterations, against real Caffe."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from tests.parity.training import difference, histories, train, train_here, weights

NET = """
name: "small"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.00390625 }
  data_param { source: "mnist_train_lmdb" batch_size: 16 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 4 kernel_size: 5 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "act" type: "TanH" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" lrn_param { local_size: 3 alpha: 1 } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip"
  param { lr_mult: 1.5 decay_mult: 2 } param { lr_mult: 0 }
  inner_product_param { num_output: 10 weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: 0.1 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
COMMON = 'net: "net.prototxt" base_lr: 0.05 display: 1 max_iter: 50 solver_mode: CPU '
DECAY = "momentum: 0.9 weight_decay: 0.001 "
POLICIES = {
    "fixed": 'lr_policy: "fixed" ',
    "step": 'lr_policy: "step" gamma: 0.5 stepsize: 15 ',
    "exp": 'lr_policy: "exp" gamma: 0.97 ',
    "inv": 'lr_policy: "inv" gamma: 0.01 power: 0.75 ',
    "multistep": 'lr_policy: "multistep" gamma: 0.3 stepvalue: 10 stepvalue: 37 ',
    "poly": 'lr_policy: "poly" power: 1.5 ',
    "sigmoid": 'lr_policy: "sigmoid" gamma: 0.2 stepsize: 25 ',
}
TYPES = {
    "SGD": DECAY,
    "Nesterov": DECAY,
    "AdaGrad": "delta: 1e-4 weight_decay: 0.001 ",
    "RMSProp": "rms_decay: 0.95 delta: 0.1 weight_decay: 0.001 ",
    "AdaDelta": "momentum: 0.95 delta: 1e-4 weight_decay: 0.001 ",
    "Adam": "momentum2: 0.999 delta: 1e-2 " + DECAY,
}
CASES = {
    f"{kind.lower()}-{policy}": f'type: "{kind}" {settings}{rates}'
    for kind, settings in TYPES.items()
    for policy, rates in POLICIES.items()
} | {
    "no-momentum": 'lr_policy: "fixed" ',
    "l1": 'lr_policy: "fixed" regularization_type: "L1" ' + DECAY,
    "iter-size": 'lr_policy: "fixed" iter_size: 3 ' + DECAY,
    "clip": 'lr_policy: "fixed" clip_gradients: 0.3 ' + DECAY,
    "clip-iter-size": 'lr_policy: "fixed" clip_gradients: 0.5 iter_size: 2 ' + DECAY,
    "nesterov-clip": 'type: "Nesterov" lr_policy: "fixed" clip_gradients: 0.3 iter_size: 2 '
    + DECAY,
    "adagrad-l1": 'type: "AdaGrad" lr_policy: "fixed" delta: 0.01 weight_decay: 0.001 '
    'regularization_type: "L1" iter_size: 2 ',
    "rmsprop-clip": 'type: "RMSProp" lr_policy: "fixed" rms_decay: 0.9 delta: 0.1 '
    "clip_gradients: 0.5 ",
    "adadelta-iter-size": 'type: "AdaDelta" lr_policy: "poly" power: 1.5 delta: 1e-3 momentum: 0.9 '
    "iter_size: 3 ",
    "adam-l1": 'type: "Adam" lr_policy: "fixed" momentum2: 0.999 delta: 1e-3 iter_size: 2 '
    'regularization_type: "L1" ' + DECAY,
    "adam-clip": 'type: "Adam" lr_policy: "multistep" gamma: 0.3 stepvalue: 10 '
    "stepvalue: 37 momentum2: 0.99 delta: 1e-2 clip_gradients: 0.5 " + DECAY,
    "average-loss": 'lr_policy: "fixed" average_loss: 7 ' + DECAY,
}


@pytest.fixture(scope="module")
def folder(small_mnist: Path, real_caffe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database, the net, and weights for it."""
    folder = tmp_path_factory.mktemp("solvers")
    prepare(folder, small_mnist, real_caffe)
    return folder


def prepare(folder: Path, digits: Path, real_caffe: Path) -> None:
    """Write a database, the net, and weights for it into `folder`."""
    mnist.convert(digits, folder)
    (folder / "net.prototxt").write_text(NET)
    start = COMMON.replace("max_iter: 50", "max_iter: 0") + CASES["sgd-fixed"]
    train((real_caffe / "caffe",), folder, start + 'random_seed: 3 snapshot_prefix: "start"')


@pytest.mark.parity
@pytest.mark.parametrize("name", CASES)
def test_solver_equals_real_caffe(name: str, folder: Path, real_caffe: Path) -> None:
    """Losses and rates as displayed, weights within 1e-4, histories within 1e-3."""
    of_weights, of_histories = differences(name, folder, real_caffe)
    assert of_weights <= 1e-4
    assert of_histories <= 1e-3


def differences(name: str, folder: Path, real_caffe: Path) -> tuple[float, float]:
    """How far weights and histories are apart after 50 iterations with the same losses."""
    start, solver = "start_iter_0.caffemodel", COMMON + CASES[name]
    program = (real_caffe / "caffe",)
    flags = ("-weights", start)
    solo = {"OPENBLAS_NUM_THREADS": "1"}
    real = train(program, folder, solver + 'snapshot_prefix: "real"', *flags, **solo)
    ours = train_here(folder, solver + 'snapshot_prefix: "ours"', start)
    assert ours.rates == pytest.approx(real.rates, rel=1e-5)
    assert ours.losses == pytest.approx(real.losses, rel=1e-4)
    files = [folder / f"{who}_iter_50.caffemodel" for who in ("ours", "real")]
    states = [folder / f"{who}_iter_50.solverstate" for who in ("ours", "real")]
    return difference(*map(weights, files)), difference(*map(histories, states))
