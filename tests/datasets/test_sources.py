"""Sources beyond one database: indexes, parts of datasets, mixtures with weights."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets import joined
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.export import export
from caffe_mnist.datasets.index import RecordSet, digest, make_shard, write_index
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.datasets.mean import mean_image
from caffe_mnist.datasets.shards import Share, read_sums
from caffe_mnist.datasets.sources import Mixture, endless, open_source
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError
from tests.datasets.test_shards import make

# Two epochs of ten records with the seed 7.
ORDERS = [5, 0, 1, 6, 2, 8, 4, 9, 3, 7, 4, 6, 9, 1, 0, 2, 7, 5, 8, 3]


def database(path: Path, numbers: range) -> None:
    """Records whose keys and values are their numbers."""
    with DatabaseWriter(path) as writer:
        writer.put([(b"%08d_x" % k, b"%d" % k) for k in numbers])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`a` (0 to 9), `b` (100 to 103), and an index of three shards (0 to 19) and of a set val."""
    database(tmp_path / "a", range(10))
    database(tmp_path / "b", range(100, 104))
    sets = {}
    for name, starts in (("train", (0, 7, 8, 20)), ("val", (0, 3))):
        shards = []
        for first, end in zip(starts, starts[1:]):
            path = f"{name}-{first}"
            database(tmp_path / path, range(first, end))
            with Database(tmp_path / path) as found:
                checksum = digest(found.records())
            shards.append(make_shard(path, end - first, first, checksum, {0: end - first}))
        sets[name] = RecordSet(tuple(shards))
    write_index(tmp_path / "dataset.json", sets)
    return tmp_path


def numbers(source: str, folder: Path, count: int | None = None, start: int = 0) -> list[int]:
    """The records of a source, once through, or the next `count` of its endless stream."""
    source = source.replace("{}", str(folder))
    opened = open_source(source)
    if count is None:
        assert not isinstance(opened, Mixture)
        found = [int(bytes(value)) for _, value in opened.records(start)]
        assert len(found) == max(len(opened) - start, 0)
    else:
        stream = endless(opened, start, lambda: None)
        found = [int(bytes(value)) for _, value in islice(stream, count)]
    opened.close()
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{}/a", [*range(10)]),
        ("{}/dataset.json", [*range(20)]),
        ("{}", [*range(20)]),
        ("{}?set=val", [0, 1, 2]),
        ("{}/a?first=0.5", [*range(5)]),
        ("{}/a?first=0.39", [*range(3)]),
        ("{}/a?first=0.01", [0]),
        ("{}/a?first=1.0", [*range(10)]),
        ("{}/a?first=1", [0]),
        ("{}/a?first=10", [*range(10)]),
        ("{}?first=9", [*range(9)]),
        ("{}?first=0.5&set=train", [*range(10)]),
        ("{}/a?sample=1.0&seed=3", [*range(10)]),
    ],
)
def test_parts(folder: Path, source: str, expected: list[int]) -> None:
    """An index is its shards one after the other; `first` keeps a share or a number."""
    assert numbers(source, folder) == expected
    for start in range(len(expected) + 2):
        assert numbers(source, folder, start=start) == expected[start:]
        assert numbers(source, folder, 7, start) == [
            expected[(start + k) % len(expected)] for k in range(7)
        ]


def test_a_sample_is_drawn_from_its_seed(folder: Path) -> None:
    """The same records every time, in their order, others with another seed."""
    one = numbers("{}?sample=0.5&seed=7", folder)
    assert one == numbers("{}?sample=0.5&seed=7", folder) == sorted(set(one))
    assert one == [1, 2, 4, 5, 8, 9, 10, 12, 13, 16]
    assert one != numbers("{}?sample=0.5&seed=8", folder)
    assert numbers("{}?sample=0.5", folder) == numbers("{}?sample=0.5&seed=0", folder)
    assert numbers("{}?first=5&sample=3&seed=1", folder)[-1] < 5
    for start in range(10):
        assert numbers("{}?sample=0.5&seed=7", folder, start=start) == one[start:]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{}/a;{}/b", [0, 100, 1, 101, 2, 102, 3, 103, 4, 100, 5, 101]),
        ("{}/a?weight=3;{}/b?weight=1", [0, 1, 100, 2, 3, 4, 101, 5, 6, 7, 102, 8]),
        ("{}/a?weight=1.5 ; {}/b?weight=0.5", [0, 1, 100, 2, 3, 4, 101, 5, 6, 7, 102, 8]),
        ("{}/a?first=2&weight=2;{}/b?weight=1", [0, 100, 1, 0, 101, 1, 0, 102, 1, 0, 103, 1]),
        ("{}?set=val;{}/b;{}/a", [0, 100, 0, 1, 101, 1, 2, 102, 2, 0, 103, 3]),
    ],
)
def test_mixtures(folder: Path, source: str, expected: list[int]) -> None:
    """Evenly spread by weight, each dataset over and over; the same from any place on."""
    assert numbers(source, folder, 12) == expected
    long = numbers(source, folder, 60)
    for start in range(40):
        assert numbers(source, folder, 5, start) == long[start : start + 5]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{}/a?first=0", "first=0: neither a part"),
        ("{}/a?first=11", "nor a number from 1 to 10"),
        ("{}/a?first=1.5", "first=1.5: neither"),
        ("{}/a?first=-1", "first=-1: neither"),
        ("{}/a?first=1e1", "first=1e1: neither"),
        ("{}/a?first=", "first=: neither"),
        ("{}/a?sample=0.0", "sample=0.0: neither"),
        ("{}/a?sample=0.5&seed=x", "seed=x: no whole number"),
        ("{}/a?seed=1", "seed is for sample and shuffle"),
        ("{}/a?shuffle=yes", "shuffle=yes: neither 1 nor 0"),
        ("{}/a?shuffle=1&seed=-1", "seed=-1: no whole number"),
        ("{}/a?first=1&first=2", "one option twice"),
        ("{}/a?weight=2", "weight is for several"),
        ("{}/a?weight=0;{}/b", "weight=0: no positive number"),
        ("{}/a?weight=nan;{}/b", "weight=nan: no positive number"),
        ("{}/a?weight=0.000001;{}/b", "rounds of 1000001 records"),
        ("{}/a?frist=2", "'frist=2' is no option; known behind a [?]: set, first, sample"),
        ("{}/a?first=1&sed=2", "'first=1&sed=2' is no option"),
        ("{}/a?set=val", "has no sets"),
        ("{}?set=test", r"no set 'test' \(known: train, val\)"),
        ("{}/none", "/none"),
        ("{}/a;{}/none", "/none"),
        ("{}/none.json", r"none\.json"),
    ],
)
def test_faults(folder: Path, source: str, message: str) -> None:
    """One line says which source and what is wrong with it."""
    with pytest.raises(CaffeMnistError, match=message):
        open_source(source.replace("{}", str(folder)))


def test_a_missing_or_changed_shard_is_noticed_at_once(folder: Path) -> None:
    """Not in the middle of the first epoch."""
    (folder / "train-7").rename(folder / "aside")
    with pytest.raises(CaffeMnistError, match=r"dataset\.json: the shard train-7 is missing"):
        open_source(str(folder))
    database(folder / "train-7", range(7, 9))
    with pytest.raises(CaffeMnistError, match="train-7 has 2 records, not 1"):
        open_source(str(folder))


@pytest.mark.parametrize(
    ("source", "records"),
    [
        ("{}/a?shuffle=1&seed=7", [*range(10)]),
        ("{}?shuffle=1", [*range(20)]),
        ("{}?first=9&shuffle=1", [*range(9)]),
        ("{}/a?sample=0.5&shuffle=1&seed=7", None),
        ("{}/b?shuffle=0", [100, 101, 102, 103]),
    ],
)
def test_shuffled(folder: Path, source: str, records: list[int] | None) -> None:
    """Each epoch has every record once, in an order of its own; any place can be gone to."""
    once = numbers(source, folder)
    size = len(once)
    assert records is None or sorted(once) == records
    stream = numbers(source, folder, 4 * size)
    epochs = [stream[k * size : (k + 1) * size] for k in range(4)]
    assert all(sorted(epoch) == sorted(once) for epoch in epochs)
    assert epochs[0] == once
    orders = {tuple(epoch) for epoch in epochs}
    assert len(orders) == (1 if "shuffle=0" in source else 4)
    for start in range(0, 2 * size + 1, 3):
        assert numbers(source, folder, size, start) == stream[start : start + size]


def test_order_is_that_of_the_seed(folder: Path) -> None:
    """The same on every machine and with every version, another with another seed."""
    assert numbers("{}/a?shuffle=1&seed=7", folder, 20) == ORDERS
    assert numbers("{}/a?shuffle=1&seed=8", folder) != ORDERS[:10]
    assert numbers("{}/a?shuffle=1", folder) == numbers("{}/a?shuffle=1&seed=0", folder)


def test_shuffled_leveldb(tmp_path: Path) -> None:
    """Caffe's other database, too."""
    plyvel = pytest.importorskip("plyvel", reason="the extra leveldb is not installed")
    with plyvel.DB(str(tmp_path / "level"), create_if_missing=True) as made:
        for k in range(10):
            made.put(b"%08d" % k, b"%d" % k)
    source = open_source(f"{tmp_path}/level?shuffle=1&seed=7", LevelDatabase)
    found = [int(value) for _, value in islice(endless(source, 0, lambda: None), 20)]
    source.close()
    assert found == ORDERS


def test_mixture_of_shuffled_ones(folder: Path) -> None:
    """Each has its own order within the mixture's."""
    found = numbers("{}/a?shuffle=1&seed=1&weight=3;{}/b?shuffle=1", folder, 16)
    assert [number >= 100 for number in found] == [False, False, True, False] * 4
    assert sorted(number for number in found if number >= 100) == [100, 101, 102, 103]
    assert numbers("{}/a?shuffle=1&seed=1&weight=3;{}/b?shuffle=1", folder, 5, 11) == found[11:]


def test_few_shards_stay_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are opened again when they are asked for."""
    expected = numbers("{}?shuffle=1", folder, 40)
    monkeypatch.setattr(joined, "MOST_OPEN", 1)
    assert numbers("{}?shuffle=1", folder, 40) == expected


def test_a_path_with_strange_signs_is_a_path(folder: Path) -> None:
    """A folder that is really called so is read, as Caffe would."""
    (folder / "b").rename(folder / "what?first=1;x")
    assert numbers("{}/what?first=1;x", folder) == [100, 101, 102, 103]


def test_what_reads_once_takes_parts_too(tmp_path: Path) -> None:
    """The mean and the export of an index and of a part; a mixture has no end."""
    make(tmp_path / "x", Share(3))
    index = f"{tmp_path}/x/dataset.json"
    mean = mean_image(index, lambda content, where: None)
    assert np.array_equal(mean, read_sums(f"{tmp_path}/x/mean.binaryproto"))
    half = mean_image(f"{index}?first=6", lambda content, where: None)
    assert half.ravel().tolist() == [2.5] * 4
    assert export(f"{index}?set=val&first=2", tmp_path / "out.npz") == 2
    with np.load(tmp_path / "out.npz") as found:
        assert found["images"][:, 0, 0, 0].tolist() == [0, 1]
    with pytest.raises(CaffeMnistError, match="has no end"):
        export(f"{index};{index}", tmp_path / "more.npz")
    assert not (tmp_path / "more.npz").exists()
