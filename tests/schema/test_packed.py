"""Weights in bulk are the same bytes as the ordinary messages', read without an object each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2, messages
from caffe_mnist.schema.packed import fill_blob, numbers, packed, read_packed, shape, write_packed

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3) / 7


def _packed_again(blob: Any) -> Any:
    return packed("BlobProto").FromString(blob.SerializeToString())


def test_written_bytes_are_protobufs(tmp_path: Path) -> None:
    """The ordinary message reads what the bulk message wrote, and the other way round."""
    net: Any = packed("NetParameter")(name="n")
    fill_blob(net.layer.add(name="ip").blobs.add(), VALUES, VALUES * 2)
    write_packed(tmp_path / "net.caffemodel", net)
    plain = messages.read_binary(tmp_path / "net.caffemodel", caffe_pb2.NetParameter)
    blob = plain.layer[0].blobs[0]
    assert list(blob.data) == VALUES.ravel().tolist()
    assert list(blob.diff) == (VALUES * 2).ravel().tolist()
    assert plain.SerializeToString() == (tmp_path / "net.caffemodel").read_bytes()
    again = read_packed(tmp_path / "net.caffemodel", "NetParameter").layer[0].blobs[0]
    assert shape(again) == (2, 3)
    np.testing.assert_array_equal(numbers(again, "net").reshape(2, 3), VALUES)
    np.testing.assert_array_equal(numbers(again, "net", "diff"), VALUES.ravel() * 2)


def test_unpacked_numbers_are_read() -> None:
    """Writers that give each number its own tag are legal protobuf."""
    one_by_one = b"".join(b"\x2d" + value.tobytes() for value in VALUES.ravel())
    content = caffe_pb2.BlobProto(shape={"dim": [6]}).SerializeToString() + one_by_one
    blob = packed("BlobProto").FromString(content)
    np.testing.assert_array_equal(numbers(blob, "net"), VALUES.ravel())


def test_doubles_and_old_shapes_are_read() -> None:
    """Files of old Caffe give num, channels, height and width; some nets are in doubles."""
    old = caffe_pb2.BlobProto(num=1, channels=1, height=2, width=3, double_data=VALUES.ravel())
    blob = _packed_again(old)
    assert shape(blob) == (1, 1, 2, 3)
    assert numbers(blob, "net").dtype == np.float32
    np.testing.assert_array_equal(numbers(blob, "net"), VALUES.ravel())


@pytest.mark.parametrize(
    ("blob", "fault"),
    [
        (caffe_pb2.BlobProto(shape={"dim": [7]}, data=[1, 2]), r"ip1: 2 numbers .*\(7,\)"),
        (caffe_pb2.BlobProto(shape={"dim": [2]}), r"ip1: 0 numbers"),
        (caffe_pb2.BlobProto(shape={"dim": [-1, -1]}, data=[1]), r"ip1: 1 numbers .*-1, -1"),
        (caffe_pb2.BlobProto(shape={"dim": [1 << 40, 1 << 40]}), r"ip1: 0 numbers"),
    ],
)
def test_numbers_that_do_not_fit_the_shape(blob: Any, fault: str) -> None:
    """More or fewer numbers than the shape says, or no shape at all, is one clear line."""
    with pytest.raises(CaffeMnistError, match=fault):
        numbers(_packed_again(blob), "ip1")


def test_bytes_that_are_no_numbers() -> None:
    """A packed field of 5 bytes holds no float32."""
    content = caffe_pb2.BlobProto(shape={"dim": [1]}).SerializeToString() + b"\x2a\x05abcde"
    with pytest.raises(CaffeMnistError, match="5 bytes is no list of numbers"):
        numbers(packed("BlobProto").FromString(content), "ip1")
