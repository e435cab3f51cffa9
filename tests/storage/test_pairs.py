"""Snapshot files that end too early are told from whole ones without knowing their messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.storage.pairs import is_cut, marks_of, pairs, read_marks, write_marks


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


def test_every_cut_is_seen(tmp_path: Path) -> None:
    """Whole files are not cut; every shorter state is, weights that end within a field are."""
    weights, state = messages()
    assert not pair(tmp_path, weights, state)
    assert pair(tmp_path, b"", state)
    for size in range(3, len(state), 7):
        assert pair(tmp_path, weights, state[:size]), size
    assert pair(tmp_path, weights[:-1], state)


def test_a_cut_hdf5_file_is_seen(tmp_path: Path) -> None:
    """It says in its beginning how long it is."""
    h5py = pytest.importorskip("h5py")
    paths = [tmp_path / f"net_iter_7.{kind}.h5" for kind in ("caffemodel", "solverstate")]
    for path in paths:
        with h5py.File(path, "w", libver="earliest") as file:
            file["data"] = [0.5] * 1000
    (one,) = pairs(tmp_path / "net")
    assert not is_cut(one)
    whole = paths[1].read_bytes()
    for content in (b"", whole[:50], whole[:3000], whole[:-1], b"\0" * len(whole)):
        paths[1].write_bytes(content)
        assert is_cut(one)


@pytest.mark.parametrize("content", [b"x", b"20", b"weights of another kind", b"\x89HDF", b"\xff"])
def test_what_is_something_else_is_left_in_peace(tmp_path: Path, content: bytes) -> None:
    """It is not for the store to say what a snapshot is."""
    assert not pair(tmp_path, content, content)


def test_what_was_there_before_is_told_by_its_mark(tmp_path: Path) -> None:
    """A pair of which one file is old is none yet, whatever the clocks say."""
    messages_ = messages()
    pair(tmp_path, *messages_)
    before = marks_of(tmp_path / "net")
    assert len(before) == 2
    write_marks(tmp_path / "marks", before)
    assert read_marks(tmp_path / "marks") == before
    assert pairs(tmp_path / "net", earlier=before) == []
    weights, state = pairs(tmp_path / "net")[0].files
    weights.write_bytes(messages_[0] + messages_[0])  # Caffe writes over its older files
    assert pairs(tmp_path / "net", earlier=before) == []
    state.write_bytes(messages_[1] + messages_[1])
    for path in (weights, state):
        os.utime(path, (1e9, 1e9))  # the clock has jumped back by decades
    assert [one.iteration for one in pairs(tmp_path / "net", earlier=before)] == [7]


@pytest.mark.parametrize("content", [b"", b"{}x", b"[[1]]", b'["abcd"]', b"[" * 5000])
def test_marks_that_are_none(tmp_path: Path, content: bytes) -> None:
    """One line, no traceback."""
    (tmp_path / "marks").write_bytes(content)
    with pytest.raises(CaffeMnistError, match="is no list of marks"):
        read_marks(tmp_path / "marks")
