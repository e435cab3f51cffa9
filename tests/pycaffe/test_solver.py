"""Solvers by pycaffe, without real Caffe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist import pycaffe as caffe

NET = """
layer { name: "data" type: "DummyData" top: "x" top: "y" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } data_filler { type: "gaussian" }
  data_filler { type: "constant" value: 1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "y" top: "loss" }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A solver's file beside its net's."""
    (tmp_path / "net.prototxt").write_text(NET)
    solver = tmp_path / "solver.prototxt"
    solver.write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 4 '
        f'momentum: 0.9 max_iter: 8 snapshot_prefix: "{tmp_path}/s" random_seed: 2 '
        "test_iter: 2 test_interval: 4"
    )
    return solver


def test_training_by_hand(path: Path) -> None:
    """Passes, gradients and `apply_update` are what `step` does; the held arrays follow."""
    one, two = caffe.SGDSolver(str(path)), caffe.SGDSolver(str(path))
    weights = two.net.params["ip"][0].data
    caffe.set_random_seed(7)
    one.step(3)
    caffe.set_random_seed(7)
    two.test_nets[0].forward(), two.test_nets[0].forward()  # as `step` begins with a test
    for _ in range(3):
        two.net.clear_param_diffs()
        two.net.forward()
        two.net.backward()
        two.apply_update()
    assert (one.iter, two.iter) == (3, 3)
    np.testing.assert_array_equal(weights, one.net.params["ip"][0].data)
    assert one.lr == pytest.approx(0.05)
    one.step(1)
    assert one.lr == pytest.approx(0.025)


def test_a_type_by_its_class(path: Path) -> None:
    """`get_solver` heeds the file's type, a class its own; an unknown type is refused."""
    path.write_text(path.read_text() + ' type: "Nesterov"')
    assert type(caffe.get_solver(str(path))) is caffe.NesterovSolver
    assert caffe.AdamSolver(str(path)).param.type == "Adam"
    path.write_text(path.read_text().replace("Nesterov", "Best"))
    with pytest.raises(RuntimeError, match="unknown solver type 'Best'"):
        caffe.get_solver(str(path))
    with pytest.raises(RuntimeError, match="Could not open file nothing"):
        caffe.SGDSolver("nothing")


def test_snapshot_and_restore(path: Path, tmp_path: Path) -> None:
    """A restored solver has iteration, weights and histories; a foreign state is refused."""
    solver = caffe.SGDSolver(str(path))
    solver.solve()
    assert (tmp_path / "s_iter_8.solverstate").is_file()
    again = caffe.SGDSolver(str(path))
    held = again.net.params["ip"][0].data
    again.restore(str(tmp_path / "s_iter_8.solverstate"))
    assert again.iter == 8
    np.testing.assert_array_equal(held, solver.net.params["ip"][0].data)
    with pytest.raises(RuntimeError, match="histories"):
        caffe.AdamSolver(str(path)).restore(str(tmp_path / "s_iter_8.solverstate"))


def test_test_nets_take_the_weights_when_they_test(path: Path) -> None:
    """As in Caffe: before the first test they have weights of their own."""
    solver = caffe.SGDSolver(str(path))
    ours, theirs = solver.net.params["ip"][0], solver.test_nets[0].params["ip"][0]
    assert (ours.data != theirs.data).any()
    solver.step(1)
    np.testing.assert_array_equal(ours.data, theirs.data)
    ours.data[...] = 3
    assert (theirs.data == 3).all()


def test_no_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a GPU that is not there is a RuntimeError, and nets stay on the CPU."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    for ask in (caffe.set_mode_gpu, lambda: caffe.set_device(0)):
        with pytest.raises(RuntimeError, match="no CUDA device"):
            ask()
    caffe.set_mode_cpu()
    assert not caffe.has_nccl()
    with pytest.raises(RuntimeError):
        caffe.NCCL(None, b"")
