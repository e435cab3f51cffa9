"""The scripts that make the tables: they run, and peers train the same nets."""

from __future__ import annotations

import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark of GPUs, with nets and peers."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    return gpu


def _script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", ["LeNet-64", "CaffeNet", "ResNet-50"])
def test_the_loop_trains_the_same_net(modules: Any, name: str) -> None:
    """Learnt values and scores have the same shapes on both sides."""
    kind, batch, size, classes, _ = modules.QUICK[name]
    text = modules.MAKERS[kind](batch, size, classes, drawn=False)
    net = Net(parse_text(text, caffe_pb2.NetParameter, name), Surroundings())
    learnt = [item.parameter for item in net.parameters.learnables if item.lr_mult]
    loop = modules.peers.PEERS[kind](size, classes)
    theirs = [tuple(values.shape) for values in loop.parameters()]
    assert sorted(prod(blob.shape) for blob in learnt) == sorted(map(prod, theirs))
    channels = 1 if kind == "LeNet" else 3
    with torch.no_grad():
        scores = loop(torch.zeros(2, channels, size, size))
    assert scores.shape == (2, classes)


def test_gpu_benchmark_in_small() -> None:
    """It prints a row with both speeds and memories, on the CPU too."""
    done = _script("gpu.py", "--device", "cpu", "--quick", "--nets", "LeNet-64",
                   "--precisions", "bf16", "--workers", "")  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = [line for line in done.stdout.splitlines() if line.startswith("| LeNet-64")]
    _, name, precision, ours, theirs, share, peaks, _ = (word.strip() for word in row[0].split("|"))
    assert (name, precision) == ("LeNet-64", "bf16")
    assert float(ours) > 0
    assert float(theirs) > 0
    assert float(share) > 0
    assert all(float(peak) > 50 for peak in peaks.split(","))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_benchmark_without_a_gpu() -> None:
    """It measures nothing and says so in one line."""
    done = _script("gpu.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no CUDA device here: nothing measured\n"
