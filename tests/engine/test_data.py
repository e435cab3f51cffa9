"""The Data layer: order, wrapping, going on, transforming, and broken databases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.datum import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, write_binary


def database(path: Path, count: int) -> Path:
    """Pictures of 1 × 2 × 2 whose pixels and labels are their numbers."""
    with DatabaseWriter(path) as writer:
        records = [(b"%08d" % k, head(1, 2, 2) + bytes([k] * 4) + tail(k)) for k in range(count)]
        writer.put(records)
        writer.finish()
    return path


def data_net(source: Path, batch: int, more: str = "", phase: int = caffe_pb2.TRAIN) -> Net:
    """A net of one Data layer."""
    text = (
        f'layer {{ name: "data" type: "Data" top: "x" top: "label" {more} '
        f'data_param {{ source: "{source}" batch_size: {batch} backend: LMDB }} }}'
    )
    return Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings(phase))


def labels(net: Net, batches: int) -> list[int]:
    """The labels of the next batches."""
    found: list[int] = []
    for _ in range(batches):
        net.forward()
        found += [int(label) for label in net.blobs["label"].data]
    return found


def test_records_come_in_order_and_start_over(tmp_path: Path) -> None:
    """A batch may hold the end and the beginning of the database."""
    net = data_net(database(tmp_path / "db", 5), 3)
    assert labels(net, 3) == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    net.forward()
    assert net.blobs["x"].shape == (3, 1, 2, 2)
    assert net.blobs["x"].data[0].tolist() == [[[4, 4], [4, 4]]]
    net.close()


def test_data_goes_on_where_it_was(tmp_path: Path) -> None:
    """After `skip_to(n)` come the batches of an uninterrupted run."""
    source = database(tmp_path / "db", 7)
    whole = data_net(source, 3)
    expected = labels(whole, 6)
    other = data_net(source, 3)
    labels(other, 1)
    other.skip_to(4)
    assert labels(other, 2) == expected[12:]
    whole.close()
    other.close()


def test_two_layers_read_one_database(tmp_path: Path) -> None:
    """A train and a test net may name the same source."""
    source = database(tmp_path / "db", 4)
    one, other = data_net(source, 2), data_net(source, 3, phase=caffe_pb2.TEST)
    assert labels(one, 1) + labels(other, 1) + labels(one, 1) == [0, 1, 0, 1, 2, 2, 3]
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source: '/nowhere' batch_size: 2 backend: LMDB", "/nowhere"),
        ("source: '{db}' batch_size: 2", "is an LMDB"),
        ("source: '{db}' backend: LMDB", "positive batch_size"),
        ("batch_size: 2 backend: LMDB", "needs data_param.source"),
    ],
)
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    """What is missing is named before anything runs."""
    text = text.replace("{db}", str(database(tmp_path / "db", 2)))
    net = parse_text(
        f'layer {{ name: "d" type: "Data" top: "x" data_param {{ {text} }} }}',
        caffe_pb2.NetParameter,
        "test",
    )
    with pytest.raises(CaffeMnistError, match=message):
        Net(net)


def test_a_broken_record_ends_the_run_with_its_key(tmp_path: Path) -> None:
    """The reading thread's error reaches the net."""
    with DatabaseWriter(tmp_path / "db") as writer:
        good = head(1, 2, 2) + bytes(4) + tail(1)
        writer.put([(b"00000000", good), (b"00000001", good[:9])])
        writer.finish()
    net = data_net(tmp_path / "db", 2)
    with pytest.raises(CaffeMnistError, match="00000001"):
        net.forward()
    net.close()


def test_floats_are_read_as_they_are(tmp_path: Path) -> None:
    """Records may hold float_data instead of bytes."""
    datum = caffe_pb2.Datum(channels=1, height=1, width=2, label=3, float_data=[0.5, -2])
    with DatabaseWriter(tmp_path / "db") as writer:
        writer.put([(b"00000000", datum.SerializeToString())])
        writer.finish()
    net = data_net(tmp_path / "db", 1, "transform_param { scale: 2 }")
    net.forward()
    assert net.blobs["x"].data.flatten().tolist() == [1, -4]
    net.close()


def _transform(text: str, phase: int = caffe_pb2.TEST, seed: int = 1) -> Transform:
    param = parse_text(text, caffe_pb2.TransformationParameter, "test")
    transform = Transform(param, phase, "test")
    transform.begin(RandomNumbers(seed))
    return transform


def test_crop_is_central_in_testing_and_anywhere_in_training() -> None:
    """The middle of the picture, rounded down; every offset in training."""
    pictures = np.arange(25, dtype=np.uint8).reshape(1, 1, 5, 5)
    central = _transform("crop_size: 3").batch(pictures)
    assert central[0, 0].tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    training = _transform("crop_size: 3", caffe_pb2.TRAIN)
    corners = {training.batch(pictures)[0, 0, 0, 0] for _ in range(200)}
    assert corners == {0, 1, 2, 5, 6, 7, 10, 11, 12}


def test_mean_scale_and_mirror(tmp_path: Path) -> None:
    """Subtract, turn half of the pictures, multiply."""
    pictures = np.array([[[[1, 2]]]] * 64, dtype=np.uint8)
    values = _transform("mean_value: 1 scale: 0.5 mirror: true").batch(pictures)
    kinds = {tuple(value.flatten().tolist()) for value in values}
    assert kinds == {(0, 0.5), (0.5, 0)}
    mean = caffe_pb2.BlobProto(num=1, channels=1, height=1, width=2, data=[0.5, 1])
    write_binary(tmp_path / "mean.binaryproto", mean)
    values = _transform(f"mean_file: '{tmp_path}/mean.binaryproto'").batch(pictures[:1])
    assert values.flatten().tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop_size: 9", "crop_size 9 is larger"),
        ("mean_value: 1 mean_value: 2", "2 mean values for 1 channels"),
        ("mean_value: 1 mean_file: 'x'", "both mean_file and mean_value"),
        ("mean_file: '/nowhere'", "/nowhere"),
    ],
)
def test_transform_faults(text: str, message: str) -> None:
    """What does not fit the pictures is said."""
    with pytest.raises(CaffeMnistError, match=message):
        _transform(text).batch(np.zeros((1, 1, 5, 5), np.uint8))


def test_mnist_passes_through(small_mnist: Path, tmp_path: Path) -> None:
    """Batches of a converted dataset have its labels."""
    mnist.convert(small_mnist, tmp_path)
    net = data_net(tmp_path / mnist.TRAIN_DATABASE, 64, "transform_param { scale: 0.00390625 }")
    net.forward()
    assert net.blobs["x"].shape == (64, 1, 28, 28)
    assert 0.5 < float(net.blobs["x"].data.max()) < 1
    net.close()
