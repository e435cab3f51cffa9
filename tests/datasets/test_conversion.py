"""IDX to LMDB: the records of `convert_mnist_data`, and the ways to choose among them."""

from __future__ import annotations

import os
import subprocess
from itertools import islice, zip_longest
from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.conversion import convert, counted_keys
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.errors import CaffeMnistError
from tests.datasets.idx_files import images, labels, pair


def read(path: Path) -> list[Image]:
    """All images of a database, whose keys count from 0."""
    found = []
    with Database(path) as database:
        for number, (key, value) in enumerate(database.records()):
            assert key == b"%08d" % number
            image = decode(bytes(value))
            assert isinstance(image, Image)
            found.append(image)
    return found


def assert_equal(one: Path, other: Path) -> None:
    """Two databases hold the same bytes in all keys and values."""
    with Database(one) as first, Database(other) as second:
        assert len(first) == len(second)
        for a, b in zip_longest(first.records(), second.records()):
            assert a[0] == b[0]
            assert a[1] == b[1], a[0]


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("count", [1, 300, 2500])
def test_records_equal_real_caffes(
    tmp_path: Path, real_caffe: Path, count: int, zipped: bool
) -> None:
    """Keys and values of random images, labels above 127 too, are those of real Caffe."""
    plain = pair(tmp_path, count)
    program = real_caffe / "convert_mnist_data"
    subprocess.run([program, "-backend=lmdb", *plain, tmp_path / "real"], check=True)
    assert convert(*pair(tmp_path, count, zipped), tmp_path / "ours") == count
    assert_equal(tmp_path / "ours", tmp_path / "real")


def test_mnist_equals_real_caffes(tmp_path: Path, real_caffe: Path, mnist_dir: Path) -> None:
    """All 70,000 records of MNIST, byte by byte."""
    import gzip

    files = []
    for path in mnist.find(mnist_dir):
        content = Path(path).read_bytes()
        files.append(tmp_path / Path(path).name.replace(".gz", ""))
        files[-1].write_bytes(gzip.decompress(content) if path.endswith(".gz") else content)
    program = real_caffe / "convert_mnist_data"
    for number in (0, 2):
        real = tmp_path / f"real{number}"
        subprocess.run([program, "-backend=lmdb", *files[number : number + 2], real], check=True)
    train, test = mnist.convert(mnist_dir, tmp_path / "ours")
    assert_equal(Path(train), tmp_path / "real0")
    assert_equal(Path(test), tmp_path / "real2")


def test_real_caffe_reads_our_databases(tmp_path: Path, real_caffe: Path) -> None:
    """The mean image that real Caffe computes is the mean of the images."""
    import numpy as np

    from caffe_mnist.schema.caffe_pb2 import BlobProto
    from caffe_mnist.schema.messages import read_binary

    convert(*pair(tmp_path, 500), tmp_path / "db")
    mean = tmp_path / "mean.binaryproto"
    program = real_caffe / "compute_image_mean"
    subprocess.run([program, "-backend=lmdb", tmp_path / "db", mean], check=True)
    pixels = np.frombuffer(images(500)[16:], np.uint8).reshape(500, 15)
    assert np.allclose(read_binary(mean, BlobProto).data, pixels.mean(axis=0), atol=1e-3)


def test_limit_keeps_the_first(tmp_path: Path) -> None:
    """The first N records, or all when there are fewer."""
    files = pair(tmp_path, 30)
    assert convert(*files, tmp_path / "all", limit=99) == 30
    assert convert(*files, tmp_path / "some", limit=7) == 7
    assert read(tmp_path / "some") == read(tmp_path / "all")[:7]


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_shuffled_by_a_seed(tmp_path: Path, zipped: bool) -> None:
    """The same images with their labels, in an order that the seed alone decides."""
    files = pair(tmp_path, 1500, zipped)
    for name, seed in (("plain", None), ("one", 1), ("again", 1), ("two", 2)):
        convert(*files, tmp_path / name, shuffle=seed)
    convert(*files, tmp_path / "few", shuffle=1, limit=20)
    plain, one, two = (read(tmp_path / name) for name in ("plain", "one", "two"))
    assert sorted(one) == sorted(plain) == sorted(two)
    assert len({tuple(map(tuple, found)) for found in (plain, one, two)}) == 3
    assert read(tmp_path / "again") == one
    assert read(tmp_path / "few") == one[:20]
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["images", "labels"]
        + [
            name + end
            for name in ("plain", "one", "again", "two", "few")
            for end in ("", ".dataset.json")
        ]
    )


def test_a_seed_means_the_same_order_everywhere(tmp_path: Path) -> None:
    """The order drawn from a seed never changes: databases made years apart agree."""
    convert(*pair(tmp_path, 10), tmp_path / "db", shuffle=5)
    order = [labels(10)[8:].index(image.label) for image in read(tmp_path / "db")]
    assert order == [2, 3, 1, 0, 8, 7, 6, 5, 4, 9]


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    """Progress is told for each batch, with the name and the number there will be."""
    told: list[tuple[str, int, int]] = []
    convert(*pair(tmp_path, 2500), tmp_path / "db", progress=lambda *now: told.append(now))
    assert told == [("db", 1000, 2500), ("db", 2000, 2500), ("db", 2500, 2500)]


def test_counts_that_differ(tmp_path: Path) -> None:
    """Images and labels of different numbers are refused, with both numbers."""
    one, other = pair(tmp_path, 30)
    other.write_bytes(labels(29))
    with pytest.raises(CaffeMnistError, match="30 images, and 29 labels"):
        convert(one, other, tmp_path / "db")
    assert not (tmp_path / "db").exists()


def four_files(folder: Path) -> Path:
    """A folder like MNIST's: ten training and five test images, one pair compressed."""
    folder.mkdir()
    for names, count in ((mnist.NAMES[:2], 10), (mnist.NAMES[2:], 5)):
        for path, name in zip(pair(folder, count, zipped=count == 5, seed=count), names):
            path.rename(folder / (name + ".gz" * (count == 5)))
    return folder


def test_mnist_makes_two_databases(tmp_path: Path) -> None:
    """Both databases, in a folder that is made for them, from plain and compressed files."""
    train, test = mnist.convert(four_files(tmp_path / "raw"), tmp_path / "new" / "out")
    assert train == str(tmp_path / "new" / "out" / "mnist_train_lmdb")
    assert (len(read(Path(train))), len(read(Path(test)))) == (10, 5)
    assert b"".join(bytes(image.pixels) for image in read(Path(test))) == images(5, seed=5)[16:]


def test_mnist_makes_both_or_none(tmp_path: Path) -> None:
    """When the second database fails, the first is not there either, nor the folder."""
    raw = four_files(tmp_path / "raw")
    path = raw / (mnist.TEST_IMAGES + ".gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(CaffeMnistError, match="ends in the middle"):
        mnist.convert(raw, tmp_path / "new" / "out")
    assert os.listdir(tmp_path) == ["raw"]


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    """A folder without MNIST's files is told which ones it lacks."""
    raw = four_files(tmp_path / "raw")
    (raw / mnist.TRAIN_LABELS).unlink()
    (raw / (mnist.TEST_IMAGES + ".gz")).unlink()
    with pytest.raises(CaffeMnistError, match=f"{mnist.TRAIN_LABELS}, {mnist.TEST_IMAGES}"):
        mnist.find(raw)


@pytest.mark.parametrize("first", [0, 1, 999, 1000, 123_456, 99_998_500])
def test_keys_count(first: int) -> None:
    """Keys go on from any number, in eight digits and then in nine, as `%08d` prints them."""
    keys = list(islice(counted_keys(first), 2003))
    assert keys == [b"%08d" % number for number in range(first, first + 2003)]
