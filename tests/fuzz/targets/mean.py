"""Mean images (`.binaryproto`)."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist.engine.data.transform import read_mean
from caffe_mnist.schema import caffe_pb2


def seeds() -> list[bytes]:
    """A mean in either form."""
    old = caffe_pb2.BlobProto(num=1, channels=1, height=2, width=2, data=[1, 2, 3, 4])
    new = caffe_pb2.BlobProto(shape={"dim": [1, 2, 2]}, data=[1, 2, 3, 4])
    return [old.SerializeToString(), new.SerializeToString()]


def run(data: bytes) -> None:
    """Read it."""
    Path("mean.binaryproto").write_bytes(data)
    read_mean("mean.binaryproto")
