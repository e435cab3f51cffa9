"""Records read and written by hand against the protobuf message itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caffe_mnist.datasets.datum import Image, decode, decode_batch
from caffe_mnist.datasets.record import head, tail, varint
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.caffe_pb2 import Datum

labels = st.integers(-(2**31), 2**31 - 1)
sides = st.integers(1, 20)


def message(label: int = 5, shape: tuple[int, int, int] = (1, 2, 2), **more: object) -> Datum:
    """An 8-bit image, or with `more` something else."""
    channels, height, width = shape
    data = bytes(i % 251 for i in range(channels * height * width))
    fields = {"channels": channels, "height": height, "width": width, "data": data, **more}
    return Datum(label=label, **fields)


@given(labels, sides, sides, sides)
def test_encoding_equals_protobuf(label: int, channels: int, height: int, width: int) -> None:
    """Head, pixels and tail are the bytes that protobuf writes for the same message."""
    datum = message(label, (channels, height, width))
    ours = head(channels, height, width) + datum.data + tail(label)
    assert ours == datum.SerializeToString()


@given(labels, sides, sides, sides)
def test_decodes_what_protobuf_wrote(label: int, channels: int, height: int, width: int) -> None:
    """Every field of an 8-bit image comes back, negative labels too."""
    datum = message(label, (channels, height, width))
    image = decode(memoryview(datum.SerializeToString()))
    assert isinstance(image, Image)
    assert image[:3] == (channels, height, width)
    assert bytes(image.pixels) == datum.data
    assert image.label == label


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(value: bytes) -> None:
    """Arbitrary bytes give what protobuf gives, or a CaffeMnistError; nothing else."""
    try:
        found = decode(value, b"key")
    except CaffeMnistError:
        return
    known = Datum.FromString(value)
    if isinstance(found, Image):
        assert (found.label, bytes(found.pixels)) == (known.label, known.data)
    else:
        assert found == known


def test_fields_in_any_order() -> None:
    """A record with its label first and `encoded: false` is the same image."""
    datum = message(label=7)
    value = tail(7) + b"\x38\x00" + datum.SerializeToString()[:-2]
    image = decode(value)
    assert isinstance(image, Image)
    assert (image.label, image.pixels) == (7, datum.data)


def test_an_absent_label_is_zero() -> None:
    """protobuf's default stands for a label that was never set."""
    assert decode(head(1, 1, 2) + b"ab") == Image(1, 1, 2, b"ab", 0)


def test_unknown_fields_are_passed_over() -> None:
    """A field of a later version of the message does not hide the image."""
    datum = message(label=3)
    assert decode(datum.SerializeToString() + b"\x98\x06\x01") == Image(1, 2, 2, datum.data, 3)


def test_floats_and_encoded_images_are_given_as_messages() -> None:
    """What is no 8-bit image comes back as the message, for the caller to unpack."""
    floats = Datum(channels=1, height=1, width=2, float_data=[1.5, -2], label=1)
    picture = Datum(data=b"\xff\xd8\xff", encoded=True, label=2)
    for datum in (floats, picture):
        assert decode(datum.SerializeToString()) == datum
        assert decode_batch([(b"0", datum.SerializeToString())]) is None


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"", "0 bytes of pixels"),
        (b"not a datum at all", "not a Datum"),
        (head(1, 2, 2) + b"abc", "not a Datum"),
        (message(data=b"abc").SerializeToString(), "3 bytes of pixels where 1 x 2 x 2 needs 4"),
        (message(data=b"abcde").SerializeToString(), "5 bytes of pixels"),
        (message(channels=-1).SerializeToString(), "not a Datum"),
        (b"\x08" + b"\xff" * 11, "not a Datum"),
        (Datum(channels=1, height=1, width=3, float_data=[1]).SerializeToString(), "1 floats"),
        (Datum(encoded=True).SerializeToString(), "encoded image of 0 bytes"),
        (b"\x98\x06\x01", "0 bytes of pixels"),
    ],
)
def test_a_broken_record_is_named(value: bytes, what: str) -> None:
    """The error says which record of which database is broken, and how."""
    with pytest.raises(CaffeMnistError, match=what) as caught:
        decode(value, b"00000012", "some_lmdb")
    assert "some_lmdb: record 00000012" in str(caught.value)


@pytest.mark.parametrize("same", [[1, 2, 9], [1, 200, -4]])
def test_a_batch_is_its_records(same: list[int]) -> None:
    """Pixels and labels of a batch, short labels and long ones, in the records' order."""
    datums = [message(label, (3, 4, 5)) for label in same]
    records = [(b"%d" % i, memoryview(d.SerializeToString())) for i, d in enumerate(datums)]
    found = decode_batch(records)
    assert found is not None
    pixels, numbers = found
    assert (pixels.dtype, pixels.shape) == (np.uint8, (3, 3, 4, 5))
    assert pixels[1].tobytes() == datums[1].data
    assert (numbers.dtype, numbers.tolist()) == (np.int64, same)


def test_a_batch_of_two_sizes_names_the_odd_record() -> None:
    """Sizes that differ cannot be one array: the first odd record is named."""
    records = [
        (b"one", message(shape=(1, 2, 2)).SerializeToString()),
        (b"two", message(shape=(1, 1, 4)).SerializeToString()),
    ]
    with pytest.raises(CaffeMnistError, match="record two: 1 x 1 x 4, unlike 1 x 2 x 2"):
        decode_batch(records)


def test_varint_boundaries() -> None:
    """One more byte from 128 on, and ten for a negative label."""
    assert [len(varint(n)) for n in (0, 127, 128, 16383, 16384, 2**64 - 1)] == [1, 1, 2, 2, 3, 10]
