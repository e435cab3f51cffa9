"""HDF5 snapshots go both ways between real Caffe and the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from caffe_mnist.engine.hdf5_files import load_weights, read_state
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.updates import rules
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity.training import ENGINE, train

NET = """
name: "shared"
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 6 dim: 6 } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" param { name: "w" }
  convolution_param { num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: 0.5 } } }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2" param { name: "w" }
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: -0.1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "c2" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 4 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = (
    'net: "net.prototxt" base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 3 '
    "weight_decay: 0.01 display: 1 solver_mode: CPU snapshot_format: HDF5 snapshot_diff: true "
)


def contents(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every dataset of a file by its path."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    with h5py.File(path) as file:

        def keep(name: str, thing: object) -> None:
            if isinstance(thing, h5py.Dataset):
                found[name] = thing[()]

        file.visititems(keep)
    return found


def same(ours: Path, real: Path) -> None:
    """Same datasets, types, shapes and, but for rounding, values; one more in our own state."""
    one, two = contents(ours), contents(real)
    if "iter" in one and not ours.name.startswith("real"):
        assert one.pop("running_state").dtype == np.uint8
    assert one.keys() == two.keys()
    for name in one.keys() - {"learned_net"}:
        assert one[name].dtype == two[name].dtype
        np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parity
@pytest.mark.parametrize("kind", list(rules))
def test_snapshots_go_both_ways(kind: str, real_caffe: Path, tmp_path: Path) -> None:
    """Each resumes its own and the other's snapshot, and all four end alike."""
    (tmp_path / "net.prototxt").write_text(NET)
    solver = SOLVER + f'type: "{kind}" '
    if rules.get(kind).takes_momentum:
        solver += "momentum: 0.9 "
    programs = {"real": (real_caffe / "caffe",), "ours": ENGINE}
    first = solver + "max_iter: 0 " + 'snapshot_prefix: "start" random_seed: 7'
    train(programs["real"], tmp_path, first)
    begin = solver + "max_iter: 5 "
    for name, program in programs.items():
        text = begin + f'snapshot_prefix: "{name}"'
        train(program, tmp_path, text, "-weights", "start_iter_0.caffemodel.h5")
    for part in ("caffemodel", "solverstate"):
        same(tmp_path / f"ours_iter_5.{part}.h5", tmp_path / f"real_iter_5.{part}.h5")
    go_on = solver + "max_iter: 9 "
    for name, program in programs.items():
        for other in programs:
            text = go_on + f'snapshot_prefix: "{name}-{other}"'
            train(program, tmp_path, text, "-snapshot", f"{other}_iter_5.solverstate.h5")
    for one in ("ours-real", "ours-ours", "real-ours"):
        for part in ("caffemodel", "solverstate"):
            path = tmp_path / f"{one}_iter_9.{part}.h5"
            same(path, tmp_path / f"real-real_iter_9.{part}.h5")


def broken_file(path: Path, name: str, shape: tuple[int, ...]) -> Path:
    """Weights in which one dataset has a shape of its own."""
    with h5py.File(path, "w") as file:
        file[f"data/{name}"] = np.zeros(shape, np.float32)
    return path


def test_faults_are_named(tmp_path: Path) -> None:
    """A file that does not fit or is none gives one line with file and layer."""
    net = Net(parse_text(NET, caffe_pb2.NetParameter, "net"), Surroundings())
    with pytest.raises(CaffeMnistError, match="Cannot copy param 0 weights from layer 'c1'; shape"):
        load_weights(net, broken_file(tmp_path / "a.h5", "c1/0", (3, 3)))
    path = broken_file(tmp_path / "b.h5", "ip/0", (4, 48))
    with h5py.File(path, "a") as file:
        file["data/ip/1"] = file["data/ip/2"] = np.zeros(4, np.float32)
    with pytest.raises(CaffeMnistError, match="Incompatible number of blobs for layer 'ip': 3"):
        load_weights(net, path)
    (tmp_path / "c.h5").write_bytes(b"no HDF5")
    for read in (lambda path: load_weights(net, path), read_state):
        with pytest.raises(CaffeMnistError, match=r"c\.h5: cannot read as HDF5"):
            read(tmp_path / "c.h5")
    with pytest.raises(CaffeMnistError, match="no iteration"):
        read_state(broken_file(tmp_path / "d.h5", "x/0", (1,)))
