"""What data layers do beside giving data, against real Caffe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity.cases import CASES
from tests.parity.cases.case import Case

DATA = [case for case in CASES if not case.bottoms and case.type != "Python"]
NOISE = (
    'layer { name: "noise" type: "DummyData" top: "noise" '
    'dummy_data_param { shape { dim: 9 } data_filler { type: "uniform" max: 1 } } }'
)

pytestmark = pytest.mark.parity


def _net(text: str, phase: int = caffe_pb2.TRAIN) -> Net:
    param = parse_text(text, caffe_pb2.NetParameter, "test")
    return Net(param, Surroundings(phase, generator=RandomNumbers(5)))


def _real(real_caffe: Path, code: str, *arguments: object) -> None:
    command = [str(real_caffe / "caffe-python"), "-c", code, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]


def test_data_layers_leave_the_random_stream_where_caffe_does(
    real_caffe: Path, tmp_path: Path
) -> None:
    """What is drawn after a data layer, in any setting, is what real Caffe draws there."""
    for case in DATA:
        (tmp_path / case.name).mkdir()
        if case.files:
            case.files(tmp_path / case.name)
        (tmp_path / f"{case.name}.prototxt").write_text(_text(case, tmp_path))
    _real(
        real_caffe,
        "import caffe, glob, numpy, sys\n"
        "for path in glob.glob(sys.argv[1] + '/*.prototxt'):\n"
        "    caffe.set_random_seed(5)\n"
        "    net = caffe.Net(path, caffe.TRAIN)\n"
        "    net.forward()\n"
        "    numpy.save(path + '.npy', net.blobs['noise'].data)\n",
        tmp_path,
    )
    for case in DATA:
        net = _net(_text(case, tmp_path))
        net.forward()
        noise = net.blobs["noise"].data.numpy()
        net.close()
        assert np.array_equal(noise, np.load(tmp_path / f"{case.name}.prototxt.npy")), case.name


def _text(case: Case, folder: Path) -> str:
    return case.net(folder / case.name) + NOISE


MEMORY = """
layer { name: "m" type: "MemoryData" top: "data" top: "label"
        memory_data_param { batch_size: 3 channels: 2 height: 4 width: 5 } }
"""


def test_memory_data_goes_through_its_arrays_as_caffe_does(
    real_caffe: Path, tmp_path: Path
) -> None:
    """Batches in order, beginning again at the end, and anew when other arrays are given."""
    random = np.random.default_rng(1)
    arrays = [random.normal(size=(n, 2, 4, 5)).astype(np.float32) for n in (6, 3)]
    labels = [np.arange(len(values), dtype=np.float32) + 0.5 for values in arrays]
    np.savez(tmp_path / "in.npz", a0=arrays[0], a1=arrays[1], l0=labels[0], l1=labels[1])
    (tmp_path / "net.prototxt").write_text(MEMORY)
    _real(
        real_caffe,
        "import caffe, numpy, sys\n"
        "net = caffe.Net(sys.argv[1] + '/net.prototxt', caffe.TEST)\n"
        "given, out = numpy.load(sys.argv[1] + '/in.npz'), []\n"
        "given = {name: given[name] for name in given.files}\n"
        "for turn, which in enumerate('0010'):\n"
        "    if turn in (0, 2, 3):\n"
        "        net.set_input_arrays(given['a' + which], given['l' + which])\n"
        "    for _ in range(3):\n"
        "        net.forward()\n"
        "        out.append([net.blobs['data'].data.sum(), net.blobs['label'].data.ravel()[0]])\n"
        "numpy.save(sys.argv[1] + '/out.npy', out)\n",
        tmp_path,
    )
    net, ours = _net(MEMORY, caffe_pb2.TEST), []
    for turn, which in enumerate((0, 0, 1, 0)):
        if turn in (0, 2, 3):
            net.layers[0].give(*map(torch.from_numpy, (arrays[which], labels[which])))  # type: ignore[attr-defined]
        for _ in range(3):
            net.forward()
            ours.append(
                [net.blobs["data"].data.sum().item(), net.blobs["label"].data.ravel()[0].item()]
            )
    assert np.allclose(ours, np.load(tmp_path / "out.npy"), rtol=1e-4, atol=1e-4)


def test_hdf5_output_is_the_file_that_caffe_writes(real_caffe: Path, tmp_path: Path) -> None:
    """The same datasets, of the same shapes, types and values."""

    def text(name: str) -> str:
        return (
            'layer { name: "x" type: "DummyData" top: "x" top: "y" dummy_data_param { '
            "shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 } "
            'data_filler { type: "gaussian" std: 1 } } } '
            'layer { name: "o" type: "HDF5Output" bottom: "x" bottom: "y" '
            f'hdf5_output_param {{ file_name: "{tmp_path}/{name}.h5" }} }}'
        )

    (tmp_path / "net.prototxt").write_text(text("real"))
    _real(
        real_caffe,
        "import caffe, sys\n"
        "caffe.set_random_seed(5)\n"
        "caffe.Net(sys.argv[1] + '/net.prototxt', caffe.TRAIN).forward()\n",
        tmp_path,
    )
    net = _net(text("ours"))
    net.forward()
    net.close()
    with h5py.File(tmp_path / "real.h5") as real, h5py.File(tmp_path / "ours.h5") as ours:
        assert set(ours) == set(real) == {"data", "label"}
        for name in real:
            assert ours[name].dtype == real[name].dtype
            assert np.array_equal(ours[name][...], real[name][...])
