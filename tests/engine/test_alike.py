"""What solvers that train together must have in common, and what may differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.engine.alike import check_alike, described, first_difference
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.engine.team import Team
from caffe_mnist.errors import CaffeMnistError
from tests.engine.test_caffe import NET, SOLVER


class Together(Team):
    """A worker whose root has `root`; the others say what `gather` returns."""

    def __init__(self, root: dict[str, str]) -> None:
        super().__init__(rank=1, size=3)
        self.root = root

    def tell(self, content: bytes) -> bytes:
        """The root's own."""
        return json.dumps(self.root).encode()

    def gather(self, content: bytes) -> list[bytes]:
        """Worker 2 is as the root is."""
        return [b"", content, b""]


@pytest.fixture(scope="module")
def folder(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases, and the root's net and solver."""
    folder = tmp_path_factory.mktemp("alike")
    mnist.convert(small_mnist, folder)
    return folder


def of(folder: Path, solver: str, net: str) -> tuple[Solver, dict[str, str]]:
    """A solver in its folder, and what describes it."""
    (folder / "net.prototxt").write_text(net.replace("mnist_", f"{folder}/mnist_"))
    text = solver.replace("net.prototxt", f"{folder}/net.prototxt")
    (folder / "solver.prototxt").write_text(text)
    found = Solver(read_solver(str(folder / "solver.prototxt")))
    return found, described(found)


@pytest.mark.parametrize(
    ("solver", "net", "words"),
    [
        (("0.05", "0.04"), ("", ""), "base_lr is 0.04, not 0.05"),
        (("momentum: 0.9", ""), ("", ""), "momentum is absent, not 0.9"),
        (("", ""), ("batch_size: 32", "batch_size: 16"),
            "layer 'data': data_param.batch_size is 16, not 32"),
        (("", ""), ("num_output: 40", "num_output: 30"),
            "layer 'ip1': inner_product_param.num_output is 30, not 40"),
        (("", ""), ("mnist_train_lmdb", "mnist_test_lmdb"),
            "layer 'data': its data is 300 records, not 1200 records"),
    ],
)  # fmt: skip
def test_what_differs_is_named(
    folder: Path, solver: tuple[str, str], net: tuple[str, str], words: str
) -> None:
    """In all workers alike, so that each machine's log says it."""
    alone, root = of(folder, SOLVER, NET)
    alone.close()
    found, _ = of(folder, SOLVER.replace(*solver), NET.replace(*net))
    try:
        with pytest.raises(CaffeMnistError) as caught:
            check_alike(found, Together(root))
    finally:
        found.close()
    text = f"worker 1 of 3 trains something else than the root: {words} ("
    assert str(caught.value).startswith(text)


def test_paths_tests_and_snapshots_are_each_machines_own(folder: Path) -> None:
    """Only the root heeds the latter."""
    alone, root = of(folder, SOLVER, NET)
    alone.close()
    other = SOLVER.replace("test_interval: 20", "").replace('"run"', '"other"')
    other = other.replace("display: 10", "display: 5").replace("test_iter: 6", "")
    (folder / "moved").symlink_to(folder / "mnist_train_lmdb")
    net = NET.replace("mnist_train_lmdb", f"{folder}/moved").replace(
        "batch_size: 50", "batch_size: 5"
    )
    (folder / "net.prototxt").write_text(net.replace('"mnist_', f'"{folder}/mnist_'))
    (folder / "solver.prototxt").write_text(other.replace("net.prototxt", f"{folder}/net.prototxt"))
    found = Solver(read_solver(str(folder / "solver.prototxt")))
    try:
        check_alike(found, Together(root))
    finally:
        found.close()
    assert first_difference(root, root) == ""
