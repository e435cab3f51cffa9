"""HDF5 files: as weights, as a solver's state, and as data."""

from __future__ import annotations

import functools
import io
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch

from caffe_mnist.engine.net import Net
from caffe_mnist.engine.snapshot import SolverState, read_state, restore_history, write_state
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.launch.resume import _at, _is_whole
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.storage.pairs import Pair, is_cut
from tests.fuzz.targets import each, solverstate, weights

DATA = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "list" batch_size: 3 } }
"""


@functools.cache
def seeds() -> list[bytes]:
    """Weights, a state, and data: plain and in compressed pieces."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["data"] = np.arange(12, dtype=np.float32).reshape(4, 3)
        file.create_dataset("label", (4,), "f4", chunks=(2,), compression="gzip", data=[1, 2, 3, 4])
    with tempfile.TemporaryDirectory() as folder:
        model, state = Path(folder, "x.caffemodel.h5"), Path(folder, "x.solverstate.h5")
        save_weights(weights.net(), model, with_diffs=True)
        write_state(state, SolverState(7, "x", 1, [torch.ones(2, 3), torch.zeros(4)]))
        return [content.getvalue(), model.read_bytes(), state.read_bytes()]


def run(data: bytes) -> None:
    """Every reader."""
    model, state = Path("x_iter_7.caffemodel.h5"), Path("x_iter_7.solverstate.h5")
    for path in (model, state, Path("data.h5")):
        path.write_bytes(data)
    Path("list").write_text("data.h5\n")
    pair = Pair(7, model, state, ())
    each(
        lambda: load_weights(weights.net(), model),
        lambda: restore_history([torch.ones(2, 3), torch.zeros(4)], read_state(state), state),
        lambda: solverstate.resume(state),
        _data,
        lambda: _at(state, ""),
        lambda: is_cut(pair),
        lambda: _is_whole(pair),
    )


def _data() -> None:
    net = Net(parse_text(DATA, caffe_pb2.NetParameter, "net"))
    try:
        for _ in range(3):
            net.forward()
    finally:
        net.close()
