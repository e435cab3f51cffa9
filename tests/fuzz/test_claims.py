"""Small files that claim a lot: refused before memory is taken for it."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator

import h5py
import pytest

from caffe_mnist.schema import caffe_pb2
from tests.fuzz.judge import Judge

SPARE_MIB = 400  # where a valid case of the largest seed needs some 100
TRILLION = 10**12


@pytest.fixture(scope="module")
def poor_judge() -> Iterator[Judge]:
    """A judge with little memory to spare."""
    judge = Judge(SPARE_MIB)
    yield judge
    judge.close()


def png(width: int, height: int) -> bytes:
    """A picture of no pixels at all, whatever its head says."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def hdf5(name: str, form: str, **storage: object) -> bytes:
    """A file with one dataset of 10^12 numbers, of which none is there."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["iter"], file["learned_net"] = [1], b"x"
        file.create_dataset(name, (TRILLION // 1000, 1000), form, **storage)
    return content.getvalue()


def layer(settings: str) -> bytes:
    """A net of an input and one InnerProduct."""
    net = 'layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 4 dim: 4 } } }'
    net += 'layer { name: "ip" type: "InnerProduct" bottom: "in" top: "ip" '
    return f"{net} inner_product_param {{ {settings} }} }}".encode()


IMAGES = struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28)
CLAIMS = {
    "idx": ("idx", IMAGES, "truncated"),
    "idx-gzip": ("idx", gzip.compress(IMAGES), "truncated"),
    "idx-one-image": ("idx", struct.pack(">IIII", 0x803, 1, 2**20, 2**20), "too large"),
    "datum-pixels": (
        "datum",
        caffe_pb2.Datum(channels=3, height=2**20, width=2**20, data=b"x").SerializeToString(),
        "1 bytes of pixels where",
    ),
    "datum-length": ("datum", b"\x22\xff\xff\xff\xff\x7fabc", "not a Datum"),
    "datum-png": (
        "datum",
        caffe_pb2.Datum(encoded=True, data=png(30000, 30000)).SerializeToString(),
        "too large: a PNG of 30000 x 30000 pixels",
    ),
    "datum-png-chunk": (
        "datum",
        caffe_pb2.Datum(
            encoded=True, data=png(4, 3).replace(b"\0\0\0\0IDAT", b"\x6f\xff\xff\xf5IDAT")
        ).SerializeToString(),
        "a chunk of 1879048181 bytes in a file of",
    ),
    "picture": ("picture", png(2**31 - 1, 2**31 - 1), "too many"),
    "picture-jpeg": (
        "picture", b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xda", "picture",
    ),
    "weights": (
        "weights",
        caffe_pb2.NetParameter(
            layer=[{"name": "ip", "blobs": [{"shape": {"dim": [TRILLION, 2]}}] * 2}]
        ).SerializeToString(),
        "shape mismatch",
    ),
    "solverstate": (
        "solverstate",
        caffe_pb2.SolverState(
            iter=1, history=[{"shape": {"dim": [TRILLION]}, "data": [1]}]
        ).SerializeToString(),
        "1 numbers for a blob of shape",
    ),
    "mean": (
        "mean",
        caffe_pb2.BlobProto(shape={"dim": [3, 10**6, 10**6]}, data=[1]).SerializeToString(),
        "1 values of shape",
    ),
    "hdf5-data": ("hdf5", hdf5("data", "f4", chunks=(1000, 1000)), "promises more than there is"),
    "hdf5-data-plain": ("hdf5", hdf5("data", "f4"), "promises more than there is"),
    "hdf5-history": (
        "hdf5", hdf5("history/0", "f4", chunks=(1, 1), compression="gzip"), "promises more",
    ),
    "hdf5-chunk": ("hdf5", hdf5("history/0", "f4", chunks=(10**6, 1000)), "promises more"),
    "net-outputs": ("net", layer("num_output: 4294967295"), "layer 'ip' (InnerProduct): makes a"),
    "net-memory": ("net", layer("num_output: 500000000"), "needs more memory than there is"),
    "manifest": (
        "manifest",
        b'{"iteration": 1, "created": "", "files": [{"name": "x", "size": 1000000000000, '
        b'"sha256": "' + b"0" * 64 + b'"}]}',
        "there is no",
    ),
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_takes_no_memory(poor_judge: Judge, claim: str) -> None:
    """One line says what is claimed, and what there is."""
    target, data, line = CLAIMS[claim]
    answer = poor_judge(target, data)
    assert len(data) < 20_000
    assert line in (answer or "")
