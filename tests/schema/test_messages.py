"""Prototxt and binary files: what is right is read back, what is wrong is one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import message

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2, messages

NET = 'name: "n"\nlayer {\n  name: "conv1"  # a comment\n  type: "Convolution"\n}\n'


def test_text_round_trip(tmp_path: Path) -> None:
    """What is written is read back as the same message."""
    net = messages.parse_text(NET, caffe_pb2.NetParameter, "net")
    messages.write_text(tmp_path / "net.prototxt", net)
    assert messages.read_text(tmp_path / "net.prototxt", caffe_pb2.NetParameter) == net
    assert [layer.type for layer in net.layer] == ["Convolution"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (NET.replace("type", "typ"), "net.prototxt:4:3", '"typ"'),
        (NET + "layer {", "net.prototxt", "Expected"),
        (NET.replace('"n"', "n"), "net.prototxt:1:7", "Expected string"),
        ('layer { type: "Data" }\nbogus: 1\n', "net.prototxt:2:1", '"bogus"'),
        ("force_backward: 2", "net.prototxt:1:17", "2"),
        ("state { phase: TRAINING }", "net.prototxt:1:16", "TRAINING"),
        ('name: "a"\nname: "b"\n', "net.prototxt:2:", "name"),
    ],
)
def test_a_faulty_prototxt_is_named_by_line_and_column(
    tmp_path: Path, text: str, place: str, what: str
) -> None:
    """Unknown fields, wrong values and unfinished text say where."""
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    with pytest.raises(CaffeMnistError) as caught:
        messages.read_text(path, caffe_pb2.NetParameter)
    assert place in str(caught.value)
    assert what in str(caught.value)
    assert caught.value.status == 2


def test_binary_that_is_no_text(tmp_path: Path) -> None:
    """A caffemodel given as a prototxt is refused, not shown."""
    path = tmp_path / "net.prototxt"
    path.write_bytes(b"\x0a\x05LeNet\xa2\x06\xff")
    with pytest.raises(CaffeMnistError, match="not UTF-8 text"):
        messages.read_text(path, caffe_pb2.NetParameter)


@pytest.mark.parametrize("read", [messages.read_text, messages.read_binary])
def test_missing_and_unreadable_files(tmp_path: Path, read: Any) -> None:
    """A missing file or a folder is one line that names it."""
    with pytest.raises(CaffeMnistError, match=r"absent: cannot read: No such file"):
        read(tmp_path / "absent", caffe_pb2.NetParameter)
    with pytest.raises(CaffeMnistError, match="cannot read: Is a directory"):
        read(tmp_path, caffe_pb2.NetParameter)


def _blob_file(path: Path) -> bytes:
    blob = caffe_pb2.BlobProto(shape={"dim": [2, 3]}, data=[1, 2, 3, 4, 5, 6])
    messages.write_binary(path, blob)
    return path.read_bytes()


def test_binary_round_trip(tmp_path: Path) -> None:
    """What is written is read back, number by number."""
    _blob_file(tmp_path / "blob.binaryproto")
    blob = messages.read_binary(tmp_path / "blob.binaryproto", caffe_pb2.BlobProto)
    assert (list(blob.shape.dim), list(blob.data)) == ([2, 3], [1, 2, 3, 4, 5, 6])


def test_every_truncation_is_noticed_or_a_whole_message(tmp_path: Path) -> None:
    """A file cut anywhere either does not parse or ends between two fields; never garbage."""
    path = tmp_path / "blob.binaryproto"
    whole = _blob_file(path)
    # The packed data (26 bytes), then the shape: fields stand in the order of their numbers.
    whole_messages = {0, 26, len(whole)}
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        if size in whole_messages:
            messages.read_binary(path, caffe_pb2.BlobProto)
        else:
            with pytest.raises(CaffeMnistError, match=f"not a binary BlobProto: {size} bytes"):
                messages.read_binary(path, caffe_pb2.BlobProto)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x2a\xff\xff\xff\xff\x0f", id="a length of 4 GiB"),
        pytest.param(b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="an endless varint"),
        pytest.param(b"\x3f", id="a wire type that is none"),
        pytest.param(b"\x00\x01", id="field number 0"),
        pytest.param(b'name: "LeNet"\n', id="text"),
        pytest.param(b"\x89HDF\r\n\x1a\n", id="HDF5"),
        pytest.param(b"\x0b" * 100_000, id="groups in groups"),
    ],
)
def test_hostile_binary_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no message are refused in one line, whatever they promise."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(CaffeMnistError, match="not a binary NetParameter"):
        messages.read_binary(path, caffe_pb2.NetParameter)


def test_more_than_a_message_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """2 GiB and more is refused by its size alone (a sparse file here)."""
    path = tmp_path / "huge.caffemodel"
    with path.open("wb") as file:
        file.truncate(messages.LARGEST_MESSAGE + 1)
    with pytest.raises(CaffeMnistError, match="2147483648 bytes, more than"):
        messages.read_binary(path, caffe_pb2.NetParameter)


def test_a_message_too_large_is_refused_before_it_is_written(tmp_path: Path) -> None:
    """The old file stays; the line says what to do."""

    class Huge(message.Message):
        def SerializeToString(self, **options: object) -> bytes:  # noqa: N802
            raise message.EncodeError("Failed to serialize proto")  # as protobuf does

    path = tmp_path / "net.caffemodel"
    path.write_bytes(b"old")
    with pytest.raises(CaffeMnistError, match="HDF5"):
        messages.write_binary(path, Huge())
    assert path.read_bytes() == b"old"
