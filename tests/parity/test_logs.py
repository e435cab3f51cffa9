"""The engine logs what real Caffe logs, line by line, with the same places and numbers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from caffe_mnist import caffe
from tests.parity.log_cases import CASES, ONE_LAYER, TESTED

SOLVER = (
    'net: "net.prototxt" base_lr: 0.01 momentum: 0.9 weight_decay: 0.01 '
    'random_seed: 5 display: 1 snapshot_prefix: "x" '
)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?|-?nan|-?inf")

pytestmark = pytest.mark.parity


def lines(log: str) -> list[str]:
    """A log without times, processes and speeds.

    Nothing is said of layers that real Caffe makes inside of layers, nor of HDF5's types.
    """
    found = [
        re.sub(r"^([IWEF])\d{4} \S+ +\d+ (\S+\])", r"\1 \2", line) for line in log.splitlines()
    ]
    found = [re.sub(r"\(\S+ iter/s, \S+s/", "(", line) for line in found]
    created: set[str] = set()
    kept = []
    for line in found:
        if "Creating training net" in line or "Creating test net" in line:
            created.clear()
        again = "] Creating layer " in line and line in created
        if not again and "hdf5.cpp" not in line:
            kept.append(line)
        created.add(line)
    return kept


def assert_same(ours: str, real: str) -> None:
    """Same words, whole numbers equal, others within 1e-4 (or rounding, where they cancel out)."""
    one, two = lines(ours), lines(real)
    assert [NUMBER.sub("#", line) for line in one] == [NUMBER.sub("#", line) for line in two]
    for mine, theirs in zip(one, two):
        for first, second in zip(NUMBER.findall(mine), NUMBER.findall(theirs)):
            if first != second:
                expected = pytest.approx(float(second), rel=1e-4, abs=1e-6)
                assert "." in first + second, (mine, theirs)
                assert float(first) == expected, (mine, theirs)


def train_both(
    folder: Path, net: str, solver: str, real_caffe: Path, capfd: pytest.CaptureFixture[str]
) -> tuple[str, str]:
    """The logs of the engine and of real Caffe."""
    (folder / "net.prototxt").write_text(net)
    policy = "" if "lr_policy" in solver else 'lr_policy: "fixed" '
    (folder / "solver.prototxt").write_text(SOLVER + policy + solver)
    command = ["train", "-solver", "solver.prototxt"]
    real = subprocess.run([real_caffe / "caffe", *command], cwd=folder, stderr=subprocess.PIPE)
    assert real.returncode == 0, real.stderr[-2000:]
    capfd.readouterr()
    assert caffe.main(command) == 0
    return capfd.readouterr().err, real.stderr.decode()


@pytest.mark.parametrize("name", CASES)
def test_log_equals_real_caffe(
    name: str,
    real_caffe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Wiring, tests, losses, and with debug_info the size of every blob and gradient."""
    monkeypatch.chdir(tmp_path)
    net, solver = CASES[name]
    more = " max_iter: 4 debug_info: true snapshot_after_train: false"
    assert_same(*train_both(tmp_path, net, solver + more, real_caffe, capfd))


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_snapshots_and_weights_are_logged_alike(
    form: str,
    real_caffe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Snapshots on the way and at the end, then a solver that begins with their weights."""
    monkeypatch.chdir(tmp_path)
    settings = f"{TESTED} snapshot_format: {form} "
    first = settings + "max_iter: 3 snapshot: 2"
    assert_same(*train_both(tmp_path, ONE_LAYER, first, real_caffe, capfd))
    ending = ".h5" if form == "HDF5" else ""
    weights = f'weights: "x_iter_2.caffemodel{ending},x_iter_3.caffemodel{ending}"'
    again = f"{settings} max_iter: 2 snapshot_after_train: false {weights}"
    assert_same(*train_both(tmp_path, ONE_LAYER, again, real_caffe, capfd))
