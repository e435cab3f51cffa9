"""The index of a dataset: written and read back, and every way in which it may be wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from caffe_mnist.datasets.index import (
    RecordSet,
    check_shard,
    digest,
    index_at,
    make_shard,
    read_index,
    write_index,
)
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError

ARGUMENTS = {"resize_height": 2, "gray": True}


def records(first: int, count: int) -> list[tuple[bytes, bytes]]:
    """Pictures of 1 × 2 × 2, their labels 0 and 1 by turns."""
    numbers = range(first, first + count)
    return [(b"%08d" % k, head(1, 2, 2) + bytes([k] * 4) + tail(k % 2)) for k in numbers]


def dataset(folder: Path) -> RecordSet:
    """Two databases of 3 and 2 records in `folder`, and their set."""
    shards = []
    for path, first, count in (("a_lmdb", 0, 3), ("b_lmdb", 3, 2)):
        with DatabaseWriter(folder / path) as writer:
            writer.put(records(first, count))
        labels = {1: sum(k % 2 for k in range(first, first + count))}
        labels[0] = count - labels[1]
        shards.append(make_shard(path, count, first, digest(records(first, count)), labels))
    return RecordSet(tuple(shards), ("cat", "dog"), (1, 2, 2), 1, ARGUMENTS)


def test_an_index_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Of one set, of several and of a part; by its own name and by its folder's."""
    one = dataset(tmp_path)
    part = RecordSet(one.shards[:1], one.classes, None, 0, {}, (0, 2))
    for sets in ({"train": one}, {"train": one, "val": part}, {"val": one}, {"train": part}):
        write_index(tmp_path / "dataset.json", sets)
        assert dict(read_index(tmp_path).sets) == sets
        assert dict(read_index(tmp_path / "dataset.json").sets) == sets
    assert one.records == 5
    assert one.labels == {0: 3, 1: 2}
    with pytest.raises(CaffeMnistError, match=r"no set 'val' \(known: train\)"):
        read_index(tmp_path).get("val")


def test_the_file_says_what_the_documents_say(tmp_path: Path) -> None:
    """Names and values of the form, and the same bytes every time."""
    write_index(tmp_path / "dataset.json", {"train": dataset(tmp_path)})
    text = (tmp_path / "dataset.json").read_bytes()
    found = json.loads(text)
    assert {name: found[name] for name in ("version", "records", "classes", "skipped")} == {
        "version": 1, "records": 5, "classes": ["cat", "dog"], "skipped": 1,
    }  # fmt: skip
    assert [found[name] for name in ("channels", "height", "width")] == [1, 2, 2]
    content = b"".join(key + value for key, value in records(3, 2))
    assert found["shards"][1] == {
        "path": "b_lmdb",
        "records": 2,
        "first": 3,
        "sha256": hashlib.sha256(content).hexdigest(),
        "labels": {"0": 1, "1": 1},
    }
    write_index(tmp_path / "dataset.json", dict(read_index(tmp_path).sets))
    assert (tmp_path / "dataset.json").read_bytes() == text


def test_where_an_index_is(tmp_path: Path) -> None:
    """A folder with a dataset.json, or a file called .json; a database is none."""
    write_index(tmp_path / "dataset.json", {"train": dataset(tmp_path)})
    assert index_at(tmp_path) == str(tmp_path / "dataset.json")
    assert index_at(tmp_path / "dataset.json") == str(tmp_path / "dataset.json")
    assert index_at(tmp_path / "a_lmdb") is None
    assert index_at(tmp_path / "other.json") is None


def _change(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda found: found.update(values)


def _shard(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda found: found["shards"][1].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change(version=2), "is of version 2; this program reads version 1"),
        (_change(version="1"), "version is no whole number"),
        (_change(version=True), "version is no whole number"),
        (lambda found: found.pop("version"), "has no version"),
        (lambda found: found.pop("records"), "has no records"),
        (_change(records=6), "counts 6 records, its shards 5"),
        (_change(shards=[]), "counts 5 records, its shards 0"),
        (_change(shards=[], records=0), "has no records"),
        (_change(shards={}), "shards is no list"),
        (_change(shards=[1]), "shard 0: is no object"),
        (_change(classes=[1]), "classes that are no strings"),
        (_change(channels=3, height=None), "height is no whole number"),
        (_change(width=0), "cannot be"),
        (_change(part=[2, 2]), "part 2 of 2 cannot be"),
        (_change(part="0/2"), "no pair of numbers"),
        (_change(sets={}), "names no sets"),
        (_change(sets={"val": 1}), "set val: is no object"),
        (_shard(records=3), "counts 3 records, its labels 2"),
        (_shard(records=-1), "cannot be"),
        (_shard(first=2), "b_lmdb begins at 2, before the end of a_lmdb"),
        (_shard(path="a_lmdb"), "names one shard twice"),
        (_shard(path="/b_lmdb"), "not relative to the index"),
        (_shard(path=""), "not relative to the index"),
        (_shard(sha256="0" * 63), "is no SHA-256"),
        (_shard(labels={"0": 1, "one": 1}), "labels: 'one': 1 is no count"),
        (_shard(labels={"0": 2, "1": 0}), "labels: '1': 0 is no count"),
    ],
)
def test_what_an_index_may_not_say(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    """One line names the file and what is wrong in it."""
    write_index(tmp_path / "dataset.json", {"train": dataset(tmp_path)})
    found = json.loads((tmp_path / "dataset.json").read_text())
    change(found)
    (tmp_path / "dataset.json").write_text(json.dumps(found))
    with pytest.raises(CaffeMnistError) as caught:
        read_index(tmp_path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "dataset.json"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is no JSON"),
        (b'{"version": 1, "records": ', "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100000, "is no JSON"),
        (b"[1]", "is no index"),
        (b'{"version": 1}', "is no index"),
        (b'{"version": %s, "shards": []}' % (b"9" * 5000), "dataset.json"),
    ],
)
def test_what_is_no_index(tmp_path: Path, text: bytes, message: str) -> None:
    """Bytes of any kind are refused in one line."""
    (tmp_path / "dataset.json").write_bytes(text)
    with pytest.raises(CaffeMnistError, match=message):
        read_index(tmp_path)


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    """Its name stands in the line."""
    with pytest.raises(CaffeMnistError, match=r"none\.json: cannot read: No such file"):
        read_index(tmp_path / "none.json")


def test_shards_are_compared_with_the_index(tmp_path: Path) -> None:
    """Missing, of another count, or (every byte read) of other bytes."""
    write_index(tmp_path / "dataset.json", {"train": dataset(tmp_path)})
    index = read_index(tmp_path)
    shard = index.get().shards[1]
    check_shard(index, shard, whole=True)
    with DatabaseWriter(tmp_path / "b_lmdb", overwrite=True) as writer:
        writer.put(records(4, 2))
    check_shard(index, shard)
    with pytest.raises(CaffeMnistError, match="b_lmdb is not as it was made"):
        check_shard(index, shard, whole=True)
    with DatabaseWriter(tmp_path / "b_lmdb", overwrite=True) as writer:
        writer.put(records(3, 1))
    with pytest.raises(CaffeMnistError, match="b_lmdb has 1 records, not 2"):
        check_shard(index, shard)
    (tmp_path / "b_lmdb").rename(tmp_path / "c_lmdb")
    with pytest.raises(CaffeMnistError, match="the shard b_lmdb is missing"):
        check_shard(index, shard)
