"""The scripts that make the tables: they run, and peers train the same nets."""

from __future__ import annotations

import re
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


def test_gpu_benchmark_goes_on_after_a_failure(
    modules: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A net that does not fit costs its own row; the reason and the status tell."""

    def child(who: str, name: str, precision: str, arguments: object) -> dict[str, float]:
        if precision == "bf16":
            raise ChildProcessError("engine, LeNet-64, bf16:\nout of memory")
        return {"speed": 2.0, "peak": 2.0**20}

    monkeypatch.setattr(modules, "_child", child)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--quick", "--workers", "",
                        "--nets", "LeNet-64", "--precisions", "bf16,fp32"])  # fmt: skip
    assert modules.main() == 1
    said = capsys.readouterr()
    assert "| LeNet-64 | bf16 | failed |" in said.out
    assert "| LeNet-64 | fp32 | 2 | 2 | 1.00 | 1, 1 |" in said.out
    assert "out of memory" in said.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_benchmark_without_a_gpu() -> None:
    """It measures nothing and says so in one line."""
    done = _script("gpu.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no CUDA device here: nothing measured\n"


def test_growth_in_small() -> None:
    """It prints a row for each kind of work, with three sizes, and fails for no work at all."""
    done = _script("growth.py", "--quick", "--parts", "net")
    assert done.returncode in (0, 1), done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines()[2:]]
    assert len(rows) == 2
    assert all(len(row[2].split(",")) == len(row[3].split(",")) == 3 for row in rows)
    assert _script("growth.py", "--parts", "nothing").returncode == 2


def test_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 for what grows with its size, 2 for its square, none for what is too short to tell."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import growth

    sizes = [10, 100, 1000]
    assert growth._slope(sizes, [5 + 0.01 * size for size in sizes]) == pytest.approx(1)
    squares = [5 + 0.01 * (size - 10) ** 2 for size in sizes]
    assert growth._slope(sizes, squares) == pytest.approx(2)
    assert growth._slope(sizes, [0.1, 0.1, 0.11]) is None


def test_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formula and simulation agree, and say what is known: nothing lost alone, reading, network."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from dataclasses import replace

    import scaling

    values = scaling.NETS["resnet50"]
    for machines in (1, 8, 64):
        said = scaling.formula(scaling.Rates(), machines, values)
        seen = scaling.simulate(scaling.Rates(), machines, values)
        assert said.speed == pytest.approx(seen.speed, rel=0.1)
    free = replace(
        scaling.Rates(), network=1e18, latency=0.0, variation=0.0, disk=1e18, lifetime=1e18
    )
    alone, many = (scaling.simulate(free, machines, values).speed for machines in (1, 100))
    assert alone == pytest.approx(free.images, rel=1e-3)
    assert many == pytest.approx(100 * free.images, rel=1e-3)
    read = replace(free, decoded=10.0)
    assert scaling.simulate(read, 8, values, 4000).speed == pytest.approx(80, rel=0.01)
    slow = replace(free, network=1e6)
    assert scaling.saturates(slow, scaling.simulate(slow, 8, values)).startswith("network 9")


def test_the_plan_for_many_machines_says_what_the_simulation_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tables of docs/scaling.md, row by row: images/s, share of one, what gives out first."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from dataclasses import replace

    import scaling

    text = (BENCHMARKS.parent / "docs/scaling.md").read_text()
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| (\d+) % \| (\w+)(.*)$", text, re.M)
    fast = replace(scaling.Rates(), images=2000.0, batch=128)
    jobs = [("caffenet", scaling.Rates())] * 4 + [("resnet50", fast)] * 3
    assert len(rows) == len(jobs)
    for (machines, images, share, first, rest), (net, rates) in zip(rows, jobs):
        count = int(machines)
        seen = scaling.simulate(rates, count, scaling.NETS[net])
        assert f"{seen.speed:,.0f}" == images
        assert round(100 * seen.speed / count / rates.images) == int(share)
        found, _, percent = scaling.saturates(rates, seen).partition(" ")
        assert found == first
        assert percent.rstrip("%") in rest
        if net == "caffenet":
            assert f"| {seen.hours * count:,.0f} |" in rest


def test_memory_in_small() -> None:
    """Rows of resident and anonymous memory, the libraries' taken away."""
    done = _script("memory.py", "--nets", "LeNet", "--batch", "2", "--iterations", "1",
                   "--caffe", "/nowhere")  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, name, who, resident, anonymous, beyond, share, _ = (
        word.strip() for word in done.stdout.splitlines()[-1].split("|")
    )
    assert (name, who, share) == ("LeNet", "engine", "no real Caffe here")
    assert float(resident) > float(anonymous) > float(beyond) > 0
