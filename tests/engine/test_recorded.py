"""Recorded iterations: the same training as without, and said in the log where it cannot be."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.data.transfer import CudaTransfer, transfer_to
from caffe_mnist.engine.precision import PRECISIONS
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.recorder import CudaRecorder, Recorder, recorder_for
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_run import Callback, Run
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.engine.tape import TapeRecorder

DATA = """layer { name: "x" type: "DummyData" top: "x" top: "label" dummy_data_param {
  shape { dim: 6 dim: 2 dim: 8 dim: 8 } shape { dim: 6 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 3 } } }"""
BODY = """
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }
layer { name: "lrn" type: "LRN" bottom: "c" top: "n"
  lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL } }
layer { name: "p" type: "Pooling" bottom: "n" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "d" type: "Dropout" bottom: "p" top: "p" }
layer { name: "ip" type: "InnerProduct" bottom: "p" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
STEP = 'base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 2 weight_decay: 0.01 display: 4'


@pytest.fixture(autouse=True)
def _near_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where BatchNorm does not ask how far means are."""
    monkeypatch.setattr("caffe_mnist.engine.layers.batch_norm.BatchNorm._far", lambda *_: False)


def _solver(
    more: str = "",
    recorder: Recorder | None = None,
    net: str = DATA + BODY,
    precision: str = "fp32",
) -> Solver:
    param = parse_text(f"{STEP} {more} max_iter: 100", caffe_pb2.SolverParameter, "test")
    param.net_param.CopyFrom(parse_text(net, caffe_pb2.NetParameter, "test"))
    run = Run(generator=RandomNumbers(5), recorder=recorder, precision=PRECISIONS[precision])
    return Solver(param, run)


@pytest.mark.parametrize(
    "more",
    [
        'type: "SGD" momentum: 0.9',
        'type: "SGD"',
        'type: "SGD" momentum: 0.9 clip_gradients: 0.3',
        'type: "SGD" momentum: 0.9 regularization_type: "L1"',
        'type: "Nesterov" momentum: 0.9',
        'type: "AdaGrad"',
        'type: "RMSProp" rms_decay: 0.9',
        'type: "AdaDelta" momentum: 0.9 delta: 1e-6',
        'type: "Adam" momentum: 0.9 momentum2: 0.99',
        'type: "SGD" momentum: 0.9 iter_size: 3 average_loss: 3',
    ],
)
def test_equal_to_unrecorded(more: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Weights, statistics, histories, gradients and log are those of a run without, step by step.

    New data, dropped values and rates in each iteration: all of them reach the recording.
    """
    recorder = TapeRecorder()
    logs = []
    solvers = [_solver(more), _solver(more, recorder)]
    for solver in solvers:
        solver.step(9)
        log = capfd.readouterr().err.split("scaffolding done.")[-1]
        said = [line.split("] ", 1)[-1] for line in log.splitlines() if "] " in line]
        logs.append([line for line in said if "iter/s" not in line and "tape" not in line])
    assert recorder.recordings == 1
    plain, recorded = solvers
    for ours, theirs in zip(recorded.net.layers, plain.net.layers):
        for a, b in zip(ours.blobs, theirs.blobs):
            assert torch.allclose(a.data, b.data, rtol=1e-4, atol=1e-6), ours.name
            assert torch.allclose(a.diff, b.diff, rtol=1e-3, atol=1e-6), ours.name
    for a, b in zip(recorded.rule.history, plain.rule.history):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)
    assert float(recorded.net.blobs["loss"].data) == pytest.approx(
        float(plain.net.blobs["loss"].data), rel=1e-4
    )
    lines = [line for line in logs[0] if "clipping" not in line]
    assert [line.split("=")[0] for line in logs[1] if "clipping" not in line] == [
        line.split("=")[0] for line in lines
    ]
    assert any("clipping" in line for line in logs[1]) == ("clip" in more)


def test_somebody_runs_the_net_in_between() -> None:
    """A pass made by hand between iterations changes nothing: blobs show the recording again."""
    plain, recorded = _solver("momentum: 0.9"), _solver("momentum: 0.9", TapeRecorder())
    for solver in (plain, recorded):
        solver.step(5)
        solver.net.forward()
        solver.net.backward()
        solver.step(3)
    for ours, theirs in zip(recorded.net.parameters.learnables, plain.net.parameters.learnables):
        assert torch.allclose(ours.parameter.data, theirs.parameter.data, rtol=1e-4, atol=1e-6)
    loss = float(recorded.net.blobs["loss"].data)
    assert loss == pytest.approx(float(plain.net.blobs["loss"].data), rel=1e-4)


def test_fp16_skips_on_the_device() -> None:
    """An overflow within a recording leaves the weights alone and halves the factor."""
    solver = _solver("momentum: 0.9", TapeRecorder(), precision="fp16")
    solver.step(4)
    assert solver.loss_scale is not None
    solver.loss_scale.factor.fill_(3e38)
    before = solver.net.layers[-2].blobs[0].data.clone()
    solver.step(1)
    assert torch.equal(solver.net.layers[-2].blobs[0].data, before)
    assert float(solver.loss_scale.factor) == pytest.approx(1.5e38)


def test_what_does_not_repeat_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """A layer that draws for itself is named, and the net trains without a recording."""
    recorder = TapeRecorder()
    net = (DATA + BODY).replace("kernel_size: 2 stride: 2", "pool: STOCHASTIC kernel_size: 2")
    _solver("momentum: 0.9", recorder, net).step(5)
    said = capfd.readouterr().err
    assert "No tape: layer 'p' (Pooling) does not repeat itself exactly" in said
    assert not recorder.recordings


def test_what_waits_for_the_device(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that cannot be recorded is found when it is, once, and no iteration is lost."""
    monkeypatch.setattr(
        "caffe_mnist.engine.layers.batch_norm.BatchNorm._far",
        lambda self, mean: bool(mean.max() > 9),
    )
    recorder = TapeRecorder()
    plain, refused = _solver("momentum: 0.9"), _solver("momentum: 0.9", recorder)
    for solver in (plain, refused):
        solver.step(7)
    said = capfd.readouterr().err
    assert said.count("No tape: aten::_local_scalar_dense waits for the device") == 1
    for ours, theirs in zip(refused.net.parameters.learnables, plain.net.parameters.learnables):
        assert torch.allclose(ours.parameter.data, theirs.parameter.data, rtol=1e-4, atol=1e-6)


def test_callbacks_see_gradients() -> None:
    """With callbacks there is no recording: they come between passes and update."""
    recorder, seen = TapeRecorder(), []
    solver = _solver("momentum: 0.9", recorder)
    solver.callbacks.append(Callback(lambda: None, lambda: seen.append(solver.iteration)))
    solver.step(5)
    assert seen == [0, 1, 2, 3, 4]
    assert not recorder.recordings


def test_shapes_that_change(capfd: pytest.CaptureFixture[str]) -> None:
    """Another batch size gives the recording up, and training goes on."""
    recorder = TapeRecorder()
    solver = _solver("momentum: 0.9", recorder)
    solver.step(4)
    source = solver.net.layers[0]
    source.shapes = [(3, 2, 8, 8), (3,)]  # type: ignore[attr-defined]
    solver.net.blobs["label"].data = torch.full((3,), 3.0)
    solver.step(2)
    assert "No tape: the shapes of the data change" in capfd.readouterr().err
    assert solver.net.blobs["ip"].shape == (3, 10)


def test_on_the_way_to_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are pinned and copied on a stream of their own; who takes them makes his own wait."""
    happened: list[str] = []

    class Stream:
        def __init__(self, device: object = None) -> None:
            happened.append("stream")

        def __enter__(self) -> Stream:
            happened.append("enter")
            return self

        def __exit__(self, *_: object) -> None:
            happened.append("exit")

        def wait_event(self, event: object) -> None:
            happened.append("wait")

    class Event:
        def record(self, stream: object) -> None:
            happened.append("record")

    now = Stream()
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: now)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: (happened.append("pin"), self)[1])
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: happened.append("keep"))
    transfer = CudaTransfer(torch.device("cpu"))
    for _ in range(2):
        sent = transfer.send([torch.ones(2).numpy()])
        (values,) = transfer.take(sent)
        assert values.tolist() == [1, 1]
    once = ["enter", "pin", "record", "exit", "wait", "keep"]
    assert happened == ["stream", "stream", *once, *once]
    assert recorder_for(torch.device("cpu")) is None
    assert type(transfer_to(torch.device("cpu"))).__name__ == "Transfer"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_cuda_graph(precision: str, capfd: pytest.CaptureFixture[str]) -> None:
    """On a GPU a graph trains as single operations do."""
    device = torch.device("cuda", 0)
    ends = []
    for recorder in (None, CudaRecorder(device)):
        param = parse_text(STEP + " momentum: 0.9", caffe_pb2.SolverParameter, "test")
        param.net_param.CopyFrom(parse_text(DATA + BODY, caffe_pb2.NetParameter, "test"))
        run = Run(
            device, generator=RandomNumbers(5), recorder=recorder, precision=PRECISIONS[precision]
        )
        solver = Solver(param, run)
        solver.step(12)
        ends.append([item.parameter.data.cpu() for item in solver.net.parameters.learnables])
    assert "Iterations run as one CUDA graph" in capfd.readouterr().err
    near = 1e-3 if precision == "fp32" else 2e-2
    for ours, theirs in zip(*ends):
        assert torch.allclose(ours, theirs, rtol=near, atol=near)
