"""The nets in prototxt/: each builds, learns, and has a deploy net that says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_mnist.datasets import record
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.layouts.deploy import fits, transform_of
from caffe_mnist.layouts.rewrite import with_nets
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

PROTOTXT = Path(__file__).parents[1] / "prototxt"
SOLVERS = sorted(PROTOTXT.glob("*/*_solver.prototxt"))
CLASSES = 5
# Numbers that are learnt (BatchNorm's means and variances are not), and the shape of a picture.
NETS = {
    "lenet": (431_080, (1, 28, 28)),
    "cifar10": (89_578, (3, 32, 32)),
    "softmax": (7_850, (1, 28, 28)),
    "mlp": (101_770, (1, 28, 28)),
    "resnet50": (25_557_032, (3, 72, 72)),
    "flowers": (23_518_277, (3, 72, 72)),
}


def of_solver(path: Path) -> tuple[Path, Path]:
    """The train net and the deploy net that lie beside a solver."""
    net = path.parent / Path(read_text(path, caffe_pb2.SolverParameter).net).name
    (deploy,) = path.parent.glob("*deploy*.prototxt")
    return net, deploy


def write_pictures(path: Path, count: int, shape: tuple[int, int, int]) -> None:
    """An LMDB of noise with a bright row whose height tells the class."""
    random = np.random.default_rng(7)
    with DatabaseWriter(path) as writer:
        for index in range(count):
            label = index % CLASSES
            picture = random.integers(0, 90, shape, np.uint8)
            picture[:, shape[1] // CLASSES * label + 2] = 255
            value = record.head(*shape) + picture.tobytes() + record.tail(label)
            writer.put([(b"%08d" % index, value)])


def solver_in(folder: Path, path: Path, batch: int) -> Solver:
    """The solver of `path` on small pictures in `folder`, with small batches and a fixed seed."""
    text = of_solver(path)[0].read_text().replace("/home/work/dataset", str(folder))
    text = text.replace("crop_size: 224", "crop_size: 64")
    (folder / "net.prototxt").write_text(re.sub(r"batch_size: \d+", f"batch_size: {batch}", text))
    text = re.sub(r"(?m)^(net|test_iter|snapshot\w*|max_iter|iter_size):.*$", "", path.read_text())
    text += f'net: "{folder}/net.prototxt" test_iter: 1 max_iter: 1000 random_seed: 3'
    (folder / "solver.prototxt").write_text(text)
    return Solver(read_solver(folder / "solver.prototxt"))


@pytest.mark.parametrize("path", SOLVERS, ids=lambda path: path.stem)
def test_solver_finds_its_nets(path: Path) -> None:
    """A solver's net lies beside it; its one deploy net takes the weights and does the scaling."""
    with_nets([path], ())
    net, deploy = (read_text(one, caffe_pb2.NetParameter) for one in of_solver(path))
    assert fits(deploy, net)
    trained = transform_of(net)
    trained.ClearField("crop_size")
    assert deploy.layer[0].transform_param == trained


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", SOLVERS, ids=lambda path: path.stem)
def test_net_learns(path: Path, tmp_path: Path) -> None:
    """It has its known size, some iterations lower the loss, and TEST and deploy net agree."""
    count, shape = NETS[path.parent.name]
    train, deploy = of_solver(path)
    large, slow = count > 1e7, path.parent.name == "cifar10"  # whose weights begin near zero
    for source in re.findall(r"/home/work/dataset/(\w+)", train.read_text()):
        write_pictures(tmp_path / source, 20 if large else 40, shape)
    solver = solver_in(tmp_path, path, 4 if large else 20)
    learnt = [one for one in solver.net.parameters.learnables if one.lr_mult]
    assert sum(one.parameter.data.numel() for one in learnt) == count
    if large:  # four pictures an iteration, and no weights to begin with
        solver.param.base_lr = 0.002 / max(one.lr_mult for one in learnt)
    losses = []
    for _ in range(15 if large else 30):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
    window = 5 if large else 10 if slow else 3  # of large nets, all 20 pictures once
    assert np.mean(losses[-window:]) < (1 if slow else 0.9) * np.mean(losses[:window])
    assert_deployed(solver, deploy, tmp_path)


def test_resnet_is_what_its_program_writes() -> None:
    """`python scripts/write_resnet.py` would change nothing."""
    command = [sys.executable, PROTOTXT.parent / "scripts/write_resnet.py", "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def assert_deployed(solver: Solver, path: Path, folder: Path) -> None:
    """What the TEST phase makes of a batch, the deploy net makes of it with saved weights."""
    (tested,) = solver.test_nets
    tested.share_parameters(solver.net)
    tested.forward()
    save_weights(solver.net, folder / "trained.caffemodel")
    solver.close()
    deploy = read_text(path, caffe_pb2.NetParameter)
    net = Net(deploy, Surroundings(caffe_pb2.TEST))
    assert load_weights(net, folder / "trained.caffemodel") == []
    net.blobs["data"].data = tested.blobs["data"].data.clone()
    net.reshape()
    net.forward()
    scores = tested.blobs[deploy.layer[-1].bottom[0]].data
    torch.testing.assert_close(net.blobs["prob"].data, torch.softmax(scores, 1))
