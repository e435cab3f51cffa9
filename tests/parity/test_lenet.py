"""LeNet on MNIST, trained by real Caffe and by the engine from the same weights.

Max-pooling and ReLU choose between values; when two are equal up to rounding, another order of
additions chooses the other one, and from then on two trainings drift apart. Real Caffe drifts
from itself as soon as it runs with another number of threads. So the strict limits are held on
LeNet with smooth layers in their place (average pooling, TanH), which has no such choices, and
on the first iterations of LeNet itself; over 200 iterations LeNet is held to a wider one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets import mnist
from tests.parity.training import ENGINE, difference, histories, train, weights

ROOT = Path(__file__).resolve().parents[2]
SOLVER = """
net: "net.prototxt" test_iter: 10 test_interval: 100 base_lr: 0.01 momentum: 0.9
weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75 display: 1 solver_mode: CPU
random_seed: 1
"""

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def folder(mnist_dir: Path, real_caffe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases, both nets, and weights for each as real Caffe fills them."""
    folder = tmp_path_factory.mktemp("lenet")
    mnist.convert(mnist_dir, folder)
    text = (ROOT / "prototxt/lenet/lenet_train_test.prototxt").read_text()
    text = text.replace("/home/work/dataset/", "")
    smooth = text.replace("pool: MAX", "pool: AVE").replace('"ReLU"', '"TanH"')
    for name, net in (("net", text), ("smooth", smooth)):
        (folder / f"{name}.prototxt").write_text(net)
        solver = _solver(name, f"start_{name}", 0)
        train((real_caffe / "caffe",), folder, solver)
    return folder


def _solver(net: str, prefix: str, iterations: int, snapshot: int = 0) -> str:
    text = SOLVER.replace("net.prototxt", f"{net}.prototxt")
    return (
        f'{text} max_iter: {iterations} snapshot: {snapshot} snapshot_prefix: "{prefix}" '
        f"test_initialization: {'true' if iterations else 'false'}"
    )


def test_smooth_lenet_equals_real_caffe(folder: Path, real_caffe: Path) -> None:
    """200 iterations: each loss within 1e-3, weights and histories within 1e-3, same accuracy."""
    start = ("-weights", "start_smooth_iter_0.caffemodel")
    real = train((real_caffe / "caffe",), folder, _solver("smooth", "real", 200), *start)
    ours = train(ENGINE, folder, _solver("smooth", "ours", 200), *start)
    assert len(ours.losses) == len(real.losses) == 200
    assert np.max(np.abs(ours.losses / real.losses - 1)) <= 1e-3
    assert ours.rates == pytest.approx(real.rates, rel=1e-5)
    assert ours.tested("accuracy") == pytest.approx(real.tested("accuracy"), abs=1e-3)
    files = [folder / f"{who}_iter_200.caffemodel" for who in ("ours", "real")]
    assert difference(*map(weights, files)) <= 1e-3
    files = [folder / f"{who}_iter_200.solverstate" for who in ("ours", "real")]
    assert difference(*map(histories, files)) <= 1e-2


def test_lenet_begins_as_real_caffe(folder: Path, real_caffe: Path) -> None:
    """The losses of the first 8 iterations agree within 1e-4, and the first test's accuracy."""
    start = ("-weights", "start_net_iter_0.caffemodel")
    real = train((real_caffe / "caffe",), folder, _solver("net", "real", 8), *start)
    ours = train(ENGINE, folder, _solver("net", "ours", 8), *start)
    assert np.max(np.abs(ours.losses / real.losses - 1)) <= 1e-4
    assert ours.tested("accuracy") == real.tested("accuracy")


def test_lenet_stays_with_real_caffe(folder: Path, real_caffe: Path) -> None:
    """200 iterations: losses stay within 10 %, half of them within 1 %, accuracy within 0.02."""
    start = ("-weights", "start_net_iter_0.caffemodel")
    real = train((real_caffe / "caffe",), folder, _solver("net", "real", 200), *start)
    one = train(
        (real_caffe / "caffe",),
        folder,
        _solver("net", "one", 200),
        *start,
        OPENBLAS_NUM_THREADS="1",
    )
    ours = train(ENGINE, folder, _solver("net", "ours", 200), *start)
    apart = np.abs(ours.losses / real.losses - 1)
    itself = np.abs(one.losses / real.losses - 1)
    print(f"largest difference of a loss: engine {apart.max():.1e}, real Caffe {itself.max():.1e}")
    assert apart.max() <= 0.1
    assert np.median(apart) <= 0.01
    assert ours.tested("accuracy")[-1] == pytest.approx(real.tested("accuracy")[-1], abs=0.02)


def test_each_resumes_the_others_snapshot(folder: Path, real_caffe: Path) -> None:
    """From one snapshot of either, both go on alike (the engine starting its data over too)."""
    caffe = (real_caffe / "caffe",)
    train(caffe, folder, _solver("smooth", "r", 20, 10))
    train(ENGINE, folder, _solver("smooth", "o", 20, 10))
    for who in ("r", "o"):
        state = ("-snapshot", f"{who}_iter_10.solverstate")
        real = train(caffe, folder, _solver("smooth", "r2", 30), *state)
        ours = train(
            ENGINE, folder, _solver("smooth", "o2", 30), *state, "-data_position", "restart"
        )
        assert np.max(np.abs(ours.losses / real.losses - 1)) <= 1e-4
        files = [folder / f"{one}_iter_30.caffemodel" for one in ("o2", "r2")]
        assert difference(*map(weights, files)) <= 1e-3
