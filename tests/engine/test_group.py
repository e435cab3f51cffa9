"""Solvers that train together: the weights of one with their batches put together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from caffe_mnist.datasets import mnist
from caffe_mnist.engine.asked import Action
from caffe_mnist.engine.group import Group
from caffe_mnist.engine.team import Team
from tests.engine import group_cases
from tests.engine.test_caffe import NET

WORKERS = 2
SMOOTH = NET.replace('"ReLU"', '"TanH"')
LENET = (Path(__file__).parents[2] / "prototxt/lenet/lenet_train_test.prototxt").read_text()
PICTURES = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list.txt" batch_size: 32 is_color: false shuffle: true } }
"""
ROWS = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "files.txt" batch_size: 32 shuffle: true } }
"""
DATA = """
layer { name: "NAME" type: "Data" top: "NAME" top: "LABEL" transform_param { scale: 0.00390625 }
  data_param { source: "SOURCE" batch_size: 7 backend: LMDB } }
"""
TRAIN, PART = "mnist_train_lmdb", "mnist_test_lmdb?first=0.37"
MIXTURE = DATA.replace("NAME", "data").replace("LABEL", "label").replace(
    "SOURCE", f"{TRAIN}?shuffle=1&seed=3&weight=0.7;{PART}&weight=0.3")  # fmt: skip
BOTH = (
    DATA.replace("NAME", "data").replace("LABEL", "label").replace("SOURCE", TRAIN)
    + DATA.replace("NAME", "more").replace("LABEL", "unused").replace("SOURCE", PART)
    + """
layer { name: "none" type: "Silence" bottom: "unused" }
layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "more" top: "sum" }
"""
)
SHARED = """
layer { name: "again" type: "InnerProduct" bottom: "ip1" top: "again" param { name: "w" }
  inner_product_param { num_output: 40 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "act" type: "Sigmoid" bottom: "again" top: "again" }
layer { name: "once" type: "InnerProduct" bottom: "again" top: "once" param { name: "w" }
  inner_product_param { num_output: 40 bias_term: false weight_filler { type: "xavier" } } }
"""
BASE = 'lr_policy: "inv" gamma: 0.01 power: 0.75 random_seed: 5 weight_decay: 0.001'


def with_source(net: str, source: str) -> str:
    """`net` with another source of data, in training and testing alike."""
    start = net.index('layer { name: "ip1"')
    return 'name: "tiny"' + source + net[start:]


SGD = f"{BASE} momentum: 0.9 base_lr: 0.05"
# Name: the net, the solver's settings, iterations, and how near the weights come.
CASES: dict[str, tuple[str, str, int, float]] = {
    "sgd": (SMOOTH, SGD, 40, 1e-5),
    "adam": (SMOOTH, f'{BASE} type: "Adam" momentum: 0.9 base_lr: 0.002', 40, 1e-5),
    "passes": (SMOOTH, f"{SGD} iter_size: 3", 40, 1e-5),
    "clipped": (SMOOTH, f'{SGD} type: "Nesterov" clip_gradients: 0.3', 40, 1e-5),
    "plateau": (SMOOTH, 'lr_policy: "plateau" stepsize: 3 gamma: 0.5 base_lr: 0.1 random_seed: 5',
        60, 1e9),
    "tested": (SMOOTH, f"{SGD} test_iter: 2 test_interval: 20", 40, 1e-5),
    "lenet": (LENET.replace("batch_size: 64", "batch_size: 4"),
        f"{BASE} momentum: 0.9 base_lr: 0.01", 40, 1e-5),
    "shared": (SMOOTH.replace('bottom: "ip1" top: "ip2"', 'bottom: "once" top: "ip2"').replace(
        'layer { name: "ip2"', SHARED + 'layer { name: "ip2"'), SGD, 50, 1e-5),
    "two": (
        with_source(SMOOTH.replace('bottom: "data" top: "ip1"', 'bottom: "sum" top: "ip1"'), BOTH),
        f'{BASE} type: "RMSProp" rms_decay: 0.9 base_lr: 0.002', 40, 1e-5,
    ),
    "mixture": (with_source(SMOOTH, MIXTURE), f'{BASE} type: "AdaGrad" base_lr: 0.01', 40, 1e-5),
    "pictures": (with_source(SMOOTH, PICTURES), SGD, 20, 1e-5),
    "rows": (with_source(SMOOTH, ROWS), SGD, 20, 1e-5),
}  # fmt: skip


def write(folder: Path, name: str, workers: int) -> Path:
    """The solver of a case, its batch multiplied by `workers`."""
    net, settings, iterations, _ = CASES[name]
    size = re.compile(r"batch_size: (\d+)")
    net = size.sub(lambda found: f"batch_size: {int(found[1]) * workers}", net)
    net = net.replace("/home/work/dataset/", "")
    (folder / f"{name}.net").write_text(net)
    path = folder / f"{name}.prototxt"
    path.write_text(f'net: "{name}.net" max_iter: {iterations} {settings} snapshot_prefix: "x"')
    return path


@pytest.fixture(scope="module")
def together(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data in every form and what all cases came to with several workers."""
    import cv2

    folder = tmp_path_factory.mktemp("group")
    mnist.convert(small_mnist, folder)
    random = np.random.default_rng(3)
    pictures = random.integers(0, 256, (150, 28, 28)).astype(np.uint8)
    labels = np.arange(150) % 10
    lines = []
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index}.png"), picture)
        lines.append(f"{index}.png {labels[index]}\n")
    (folder / "list.txt").write_text("".join(lines))
    for number, part in enumerate((slice(0, 67), slice(67, 150))):
        with h5py.File(folder / f"{number}.h5", "w") as file:
            file["data"] = pictures[part, None].astype(np.float32) / 255
            file["label"] = labels[part].astype(np.float32)
    (folder / "files.txt").write_text("0.h5\n1.h5\n")
    for name in CASES:
        write(folder, name, 1)
    # What one machine's solver says of tests and snapshots does not count: the root's does.
    other = (folder / "tested.prototxt").read_text().replace("test_interval: 20", "snapshot: 9")
    (folder / "tested.1.prototxt").write_text(other.replace("test_iter: 2", ""))
    (folder / "names").write_text(" ".join(CASES))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(WORKERS), group_cases.__file__, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[:3000]
    return folder


@pytest.mark.parametrize("name", CASES)
def test_workers_give_the_weights_of_one_with_all_their_batches(
    together: Path, name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """N workers × batch B are one × batch N B, for every worker; each saw its own records."""
    monkeypatch.chdir(together)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small nets only wait for each other on a busy machine
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    found = [torch.load(f"{name}-{rank}.pt", weights_only=True) for rank in range(WORKERS)]
    for ours, theirs in zip(found[0]["weights"], found[1]["weights"]):
        assert torch.equal(ours, theirs)
    alone = group_cases.trained(write(together, name, WORKERS), Team())
    for one in found:
        for ours, theirs in zip(one["weights"], alone["weights"]):
            assert float((ours - theirs).abs().max()) < CASES[name][3]
    seen = [one["labels"][0].flatten() for one in found]
    last = alone["labels"][0].flatten()
    assert [seen[i % WORKERS][i // WORKERS] for i in range(len(last))] == last.tolist()


def test_the_root_hears_in_its_last_test_that_it_is_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others have ended by then, so that nothing is agreed on any more."""
    around = {"MASTER_ADDR": "localhost", "MASTER_PORT": "0", "RANK": "0", "WORLD_SIZE": "1"}
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    team = Group(lambda: Action.STOP, torch.device("cpu"), 60)
    try:
        assert team.action() is Action.STOP
    finally:
        team.close()
