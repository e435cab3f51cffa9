"""Snapshot files that end too early are told from whole ones without knowing their messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.storage.pairs import is_cut, pairs


def pair(folder: Path, weights: bytes, state: bytes) -> bool:
    """Whether the snapshot of these bytes is cut."""
    (folder / "net_iter_7.caffemodel").write_bytes(weights)
    (folder / "net_iter_7.solverstate").write_bytes(state)
    (one,) = pairs(folder / "net")
    return is_cut(one)


def messages() -> tuple[bytes, bytes]:
    """Weights and a state as Caffe writes them."""
    net, state = caffe_pb2.NetParameter(name="net"), caffe_pb2.SolverState(iter=300)
    for name in ("one", "two"):
        blob = net.layer.add(name=name, type="InnerProduct").blobs.add(data=[0.5] * 100)
        blob.shape.dim.extend([10, 10])
        state.history.add().CopyFrom(blob)
    state.learned_net, state.current_step = "net_iter_7.caffemodel", 0
    return net.SerializeToString(), state.SerializeToString()


def test_every_cut_within_a_field_is_seen(tmp_path: Path) -> None:
    """Whole files are not cut; nearly every shorter one is."""
    weights, state = messages()
    assert not pair(tmp_path, weights, state)
    assert pair(tmp_path, b"", state)
    for size in range(3, len(state) - 2, 37):
        try:
            caffe_pb2.SolverState.FromString(state[:size])
        except Exception:
            assert pair(tmp_path, weights, state[:size]), size
        else:
            assert not pair(tmp_path, weights, state[:size]), size
    assert pair(tmp_path, weights[:-1], state)


@pytest.mark.parametrize("content", [b"x", b"20", b"weights of another kind", b"\x89HDF", b"\xff"])
def test_what_is_something_else_is_left_in_peace(tmp_path: Path, content: bytes) -> None:
    """It is not for the store to say what a snapshot is."""
    assert not pair(tmp_path, content, content)
