"""Nets that compute in 16 bits: near to fp32, parameters in 32 bits, and fp16's loss scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.loss_scale import START
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.precision import PRECISIONS, find_precision, remark
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_run import Run
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

FILLED = 'weight_filler { type: "xavier" }'
# Every layer that takes 16 bits, beside some that take only 32, in place and not.
NET = f"""
layer {{ name: "x" type: "DummyData" top: "x" top: "label" dummy_data_param {{
  shape {{ dim: 8 dim: 3 dim: 8 dim: 8 }} shape {{ dim: 8 }}
  data_filler {{ type: "gaussian" std: 1 }} data_filler {{ type: "constant" value: 3 }} }} }}
layer {{ name: "c1" type: "Convolution" bottom: "x" top: "c1"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 bias_term: false {FILLED} }} }}
layer {{ name: "bn" type: "BatchNorm" bottom: "c1" top: "c1" }}
layer {{ name: "scale" type: "Scale" bottom: "c1" top: "c1" scale_param {{ bias_term: true }} }}
layer {{ name: "relu" type: "ReLU" bottom: "c1" top: "c1" }}
layer {{ name: "lrn" type: "LRN" bottom: "c1" top: "n1" lrn_param {{ local_size: 3 }} }}
layer {{ name: "c2" type: "Convolution" bottom: "n1" top: "c2"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 {FILLED} }} }}
layer {{ name: "tanh" type: "TanH" bottom: "c2" top: "c2" }}
layer {{ name: "sum" type: "Eltwise" bottom: "c1" bottom: "c2" top: "sum" }}
layer {{ name: "pool" type: "Pooling" bottom: "sum" top: "p"
  pooling_param {{ pool: AVE kernel_size: 2 stride: 2 }} }}
layer {{ name: "up" type: "Deconvolution" bottom: "p" top: "up"
  convolution_param {{ num_output: 8 kernel_size: 2 stride: 2 {FILLED} }} }}
layer {{ name: "cut" type: "Slice" bottom: "up" top: "s1" top: "s2" }}
layer {{ name: "join" type: "Concat" bottom: "s2" bottom: "s1" top: "j" }}
layer {{ name: "flat" type: "Flatten" bottom: "j" top: "f" }}
layer {{ name: "b" type: "Bias" bottom: "f" top: "f" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "f" top: "ip"
  inner_product_param {{ num_output: 10 {FILLED} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""
SOLVER = 'base_lr: 0.02 momentum: 0.9 weight_decay: 0.0005 lr_policy: "fixed" max_iter: 100'


def _net(precision: str) -> Net:
    param = parse_text(NET, caffe_pb2.NetParameter, "test")
    return Net(
        param,
        Surroundings(generator=RandomNumbers(3), precision=PRECISIONS[precision]),
    )


def _gradients(precision: str) -> tuple[float, dict[str, torch.Tensor]]:
    net = _net(precision)
    loss = float(net.forward())
    net.parameters.clear_diffs()
    net.backward()
    names = [f"{layer.name}{k}" for layer in net.layers for k in range(len(layer.blobs))]
    blobs = [blob for layer in net.layers for blob in layer.blobs]
    assert all(blob.data.dtype == blob.diff.dtype == torch.float32 for blob in blobs)
    return loss, {name: blob.diff for name, blob in zip(names, blobs)}


@pytest.mark.parametrize(("precision", "near"), [("bf16", 0.06), ("fp16", 0.008)])
def test_gradients_are_near(precision: str, near: float) -> None:
    """Loss and gradients are those of fp32, within some roundings of the format."""
    loss, plain = _gradients("fp32")
    rounded_loss, rounded = _gradients(precision)
    assert rounded_loss == pytest.approx(loss, rel=near)
    for name, gradient in plain.items():
        apart = (rounded[name] - gradient).norm() / max(float(gradient.norm()), 1e-6)
        assert apart < near, name
    assert any(not torch.equal(rounded[name], plain[name]) for name in plain)


def test_formats_of_blobs() -> None:
    """Heavy layers hand 16 bits on, what may take them keeps them, and losses are fp32."""
    net = _net("bf16")
    net.forward()
    kinds = {name: blob.data.dtype for name, blob in net.blobs.items()}
    half, full = torch.bfloat16, torch.float32
    wanted = {"x": full, "c1": half, "n1": full, "c2": full, "p": full, "up": half, "j": half}
    assert {name: kinds[name] for name in wanted} == wanted
    assert (kinds["f"], kinds["ip"], kinds["loss"]) == (half, half, full)


def _solver(precision: str, kind: str = "SGD", more: str = "") -> Solver:
    param = parse_text(f'{SOLVER} {more} type: "{kind}"', caffe_pb2.SolverParameter, "test")
    param.net_param.CopyFrom(parse_text(NET, caffe_pb2.NetParameter, "test"))
    return Solver(param, Run(generator=RandomNumbers(3), precision=PRECISIONS[precision]))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_learns(precision: str) -> None:
    """Training brings the loss down as fp32 does."""
    ends = {}
    for name in ("fp32", precision):
        solver = _solver(name)
        solver.step(12)
        ends[name] = float(solver.net.blobs["loss"].data)
        solver.close()
    assert ends["fp32"] < 1
    assert ends[precision] == pytest.approx(ends["fp32"], rel=0.1)


def test_unscaled_gradients() -> None:
    """Scaling by a power of two and back leaves the update as it was; the loss is not scaled."""
    solver, other = _solver("fp16"), _solver("fp16")
    other.loss_scale = None
    for each in (solver, other):
        each.step(1)
    assert float(solver._losses[-1]) == float(other._losses[-1])
    for ours, theirs in zip(solver.net.parameters.learnables, other.net.parameters.learnables):
        change = (ours.parameter.data - theirs.parameter.data).norm()
        assert change <= 1e-3 * theirs.parameter.data.norm() + 1e-7


@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "Adam"])
def test_overflow_changes_nothing(kind: str) -> None:
    """After an infinite gradient the parameters are as before, and the factor is halved."""
    solver = _solver("fp16", kind, "clip_gradients: 5" if kind == "SGD" else "")
    solver.step(1)
    before = [item.parameter.data.clone() for item in solver.net.parameters.learnables]
    history = [values.clone() for values in solver.rule.history]
    assert solver.loss_scale is not None
    solver.loss_scale.factor.fill_(3e38)
    solver.net.parameters.clear_diffs()
    solver._forward_backward()
    solver.apply_update()
    for item, values in zip(solver.net.parameters.learnables, before):
        assert torch.equal(item.parameter.data, values) or item.lr_mult == 0
    assert all(torch.equal(a, b) for a, b in zip(solver.rule.history, history))
    assert float(solver.loss_scale.factor) == pytest.approx(1.5e38)
    assert START == 65536


def test_the_scale_goes_on(tmp_path: Path) -> None:
    """A resumed training has the factor of the one before; a damaged one is refused."""
    prefix = f'snapshot_prefix: "{tmp_path}/x"'
    solver = _solver("fp16", more=prefix)
    assert solver.loss_scale is not None
    solver.loss_scale.factor.fill_(512)
    solver.step(1)
    _, state = solver.snapshot()
    again = _solver("fp16", more=prefix)
    again.restore(state)
    assert again.loss_scale is not None
    assert again.loss_scale.kept() == [512, 1]
    joined = _solver("fp16")
    joined.take_rate_state(again.rate_state())
    assert joined.loss_scale is not None
    assert joined.loss_scale.kept() == [512, 1]
    for wrong in ([1.0], [0.0, 1.0], [float("nan"), 1.0], [8.0, -1.0]):
        with pytest.raises(ValueError, match=r"no scale|unpack"):
            again.loss_scale.restore(wrong)


def test_what_a_device_has() -> None:
    """Unknown names and tf32 on the CPU are refused in one line; bf16 is taken, with a remark."""
    cpu = torch.device("cpu")
    with pytest.raises(CaffeMnistError, match="'fp8' is not known"):
        find_precision("fp8", cpu)
    with pytest.raises(CaffeMnistError, match="only GPUs have it, and this runs on the CPU"):
        find_precision("tf32", cpu)
    assert find_precision("bf16", cpu).dtype == torch.bfloat16
    assert remark(PRECISIONS["fp32"], cpu) is None
    assert remark(PRECISIONS["fp16"], cpu) in (None, *[
        "this CPU has no fp16 instructions: fp32 is likely faster here"
    ])  # fmt: skip


def test_lenet_learns_digits_in_bf16(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`caffe train -precision bf16` learns small digits and tests well; weights are fp32."""
    from caffe_mnist.caffe import main
    from caffe_mnist.datasets import digits, mnist
    from caffe_mnist.layouts.rewrite import write_tree
    from caffe_mnist.layouts.rules import Rules

    (tmp_path / "idx").mkdir()
    digits.write_idx(tmp_path / "idx", train=600, test=100, seed=2)
    mnist.convert(tmp_path / "idx", tmp_path / "data")
    settings = {
        "max_iter": "24",
        "test_iter": "3",
        "test_interval": "24",
        "display": "12",
        "snapshot": "24",
        "base_lr": "0.02",
        "random_seed": "1",
        "test_initialization": "false",
        "layer[mnist].data_param.batch_size": "24",
    }
    rules = Rules(
        {"data": str(tmp_path / "data"), "model": str(tmp_path)}, settings=tuple(settings.items())
    )
    root = Path(__file__).parents[2]
    solver = write_tree(root / "prototxt/lenet/lenet_solver.prototxt", tmp_path / "net", rules)
    assert main(["train", "-solver", str(solver), "-precision", "bf16"]) == 0
    log = capfd.readouterr().err
    assert "Precision: bf16" in log
    accuracy = float(log.split("accuracy = ")[-1].split()[0])
    assert accuracy > 0.4
    (weights,) = tmp_path.glob("*_iter_24.caffemodel")
    net = str(next((tmp_path / "net").glob("*train_test*")))
    assert main(["test", "-model", net, "-weights", str(weights), "-iterations", "3"]) == 0
    again = float(capfd.readouterr().err.split("accuracy = ")[-1].split()[0])
    assert np.isclose(again, accuracy, atol=0.03)
