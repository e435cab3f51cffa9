"""Solver files: read, upgraded, rewritten, and trained with for an iteration."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist import template, upgrade
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.schema import caffe_pb2
from tests.fuzz.targets import command, each

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt"
test_iter: 1 test_interval: 2 test_initialization: false base_lr: 0.1 lr_policy: "inv"
gamma: 0.1 power: 0.75 stepsize: 2 stepvalue: 1 stepvalue: 3 weight_decay: 0.1
regularization_type: "L1" display: 1
max_iter: 2 snapshot: 3 snapshot_prefix: "x" solver_mode: CPU clip_gradients: 1 iter_size: 2
random_seed: 1 average_loss: 3 snapshot_after_train: false
"""
KINDS = (
    'momentum: 0.9 type: "Nesterov"',
    'momentum: 0.9 momentum2: 0.99 delta: 1e-8 type: "Adam"',
    "solver_type: RMSPROP rms_decay: 0.5",
    'type: "AdaDelta" momentum: 0.9',
)


def seeds() -> list[bytes]:
    """Solvers of several types."""
    return [(SOLVER + kind).encode() for kind in KINDS]


def run(data: bytes) -> None:
    """The engine's solver, and the commands that take one."""
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_bytes(data)
    command(template.main, "solver.prototxt", "--data", "/data", "--set", "max_iter=3")
    command(upgrade.main, "solver", "solver.prototxt", "out.prototxt")
    each(_train)


def _train() -> None:
    param = read_solver("solver.prototxt")
    param.iter_size = min(param.iter_size, 3)
    param.test_iter[:] = [min(one, 3) for one in param.test_iter]
    param.solver_mode = caffe_pb2.SolverParameter.CPU
    solver = Solver(param)
    try:
        solver.step(2)
        solver.test_all()
    finally:
        solver.close()
