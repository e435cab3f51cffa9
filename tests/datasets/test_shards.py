"""A dataset in shards: whoever makes them, they are the same, and together the one database."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import read_index
from caffe_mnist.datasets.pictures.listing import Entry, Listing, Skipped, Written
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.shards import MEAN, Share, parse_share, read_sums, write_sets
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError

ARGUMENTS = {"gray": True}


def listing(count: int) -> Listing:
    """Pictures called by their numbers, of three classes; every seventh is broken."""
    entries = tuple(Entry(f"{k}.png", k % 3) for k in range(count))
    return Listing("/pictures/", entries, ("a", "b", "c"), "folders")


def write(pictures: Listing, out: str) -> Written:
    """A database of 1 × 2 × 2 pictures full of their number, without the broken ones."""
    records, skipped, sums = [], [], np.zeros((1, 2, 2), np.float32)
    labels: Counter[int] = Counter()
    for index, entry in enumerate(pictures.entries):
        number = int(entry.name[:-4])
        if number % 7 == 6:
            skipped.append(Skipped(entry.name, "is broken"))
            continue
        pixels = bytes([number] * 4)
        records.append((pictures.key(index), head(1, 2, 2) + pixels + tail(entry.label)))
        labels[entry.label] += 1
        sums += number
    with DatabaseWriter(out, overwrite=True) as writer:
        writer.put(records)
    count = len(records)
    return Written(count, tuple(skipped), dict(labels), {(2, 2): count}, 1, 2, 2, sums)


def make(folder: Path, share: Share) -> dict[str, Written]:
    """Two sets, of 20 and of 5 pictures, in `folder`."""
    folder.mkdir(exist_ok=True)
    sets = {"train": listing(20), "val": listing(5)}
    return write_sets(sets, str(folder), write, share, ARGUMENTS)


def content(path: Path) -> list[tuple[bytes, bytes]]:
    """All records of a database."""
    with Database(path) as database:
        return [(key, bytes(value)) for key, value in database.records()]


def test_shards_are_the_one_database_in_pieces(tmp_path: Path) -> None:
    """The same records in the same order, with the numbers that they have in the whole."""
    make(tmp_path / "one", Share())
    make(tmp_path / "many", Share(3))
    for name in ("train", "val"):
        index = read_index(tmp_path / "many")
        found = [content(Path(index.place(shard))) for shard in index.get(name).shards]
        assert len(found) == 3
        assert [*found[0], *found[1], *found[2]] == content(tmp_path / "one" / f"{name}_lmdb")
    assert [shard.first for shard in index.get("train").shards] == [0, 6, 13]
    assert (tmp_path / "one" / MEAN).read_bytes() == (tmp_path / "many" / MEAN).read_bytes()
    assert index.get("train").labels == {0: 6, 1: 6, 2: 6}
    assert index.get("train").skipped == 2
    assert index.get("train").shape == (1, 2, 2)


def test_a_shard_made_alone_is_the_one_made_with_the_others(tmp_path: Path) -> None:
    """Byte for byte, and a part of the index tells which it is."""
    make(tmp_path / "all", Share(3))
    for number in range(3):
        make(tmp_path / "alone", Share(3, number))
    for name in ("train", "val"):
        for shard in read_index(tmp_path / "all").get(name).shards:
            data = [tmp_path / where / shard.path / "data.mdb" for where in ("all", "alone")]
            assert data[0].read_bytes() == data[1].read_bytes()
    parts = [tmp_path / "alone" / f"dataset-0000{k}-of-00003.json" for k in range(3)]
    found = [read_index(path).get("train") for path in parts]
    assert [one.part for one in found] == [(0, 3), (1, 3), (2, 3)]
    assert sum((one.shards for one in found), ()) == read_index(tmp_path / "all").get().shards
    sums = [tmp_path / "alone" / f"sums-0000{k}-of-00003.binaryproto" for k in range(3)]
    assert [read_sums(str(path))[0, 0, 0] for path in sums] == [15, 57, 99]
    assert not (tmp_path / "alone" / "dataset.json").exists()


def test_what_was_written_is_told_of_all_shards_together(tmp_path: Path) -> None:
    """Counts, sizes and what was skipped, in the order of the list."""
    whole, parts = make(tmp_path / "one", Share()), make(tmp_path / "many", Share(4))
    for name in ("train", "val"):
        one, many = whole[name], parts[name]
        assert one.sums is not None
        assert many.sums is not None
        assert np.array_equal(one.sums, many.sums)
        assert (one.records, one.skipped, one.sizes) == (many.records, many.skipped, many.sizes)
        assert one.labels == many.labels
    assert [one.name for one in parts["train"].skipped] == ["6.png", "13.png"]


@pytest.mark.parametrize(
    ("shards", "shard", "share"),
    [
        (None, None, Share()),
        (1, None, Share(1)),
        (4, None, Share(4)),
        (None, "0/1", Share(1, 0)),
        (None, "3/4", Share(4, 3)),
    ],
)
def test_options(shards: int | None, shard: str | None, share: Share) -> None:
    """What --shards and --shard say."""
    assert parse_share(shards, shard) == share


@pytest.mark.parametrize(
    ("shards", "shard", "message"),
    [
        (0, None, "from 1 to 99999"),
        (100_000, None, "from 1 to 99999"),
        (None, "4/4", "the numbers are 0 to 3"),
        (None, "0/0", "from 1 to 99999"),
        (None, "1", "is no I/N"),
        (None, "-1/4", "is no I/N"),
        (None, "1/4/2", "is no I/N"),
        (2, "0/2", "--shards makes all of them"),
    ],
)
def test_options_that_make_no_sense(shards: int | None, shard: str | None, message: str) -> None:
    """One line says why."""
    with pytest.raises(CaffeMnistError, match=message):
        parse_share(shards, shard)


def test_more_shards_than_pictures(tmp_path: Path) -> None:
    """Refused before anything is written."""
    with pytest.raises(CaffeMnistError, match="6 shards of 5 pictures"):
        make(tmp_path / "out", Share(6))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("options", [[], ["--encoded"]], ids=["raw", "encoded"])
def test_pictures_on_several_machines(tmp_path: Path, options: list[str]) -> None:
    """The same files as on one machine, but for the report and the sheet."""
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(2)
    for name in ("rose", "tulip"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(9):
            pixels = random.integers(0, 256, (12, 10, 3), np.uint8)
            cv2.imwrite(str(tmp_path / "pictures" / name / f"{number}.jpg"), pixels)
    (tmp_path / "pictures" / "rose" / "4.jpg").write_bytes(b"broken")
    more = ["--shuffle", "--seed", "3", "--allow-skips", "1", *options]
    if not options:
        more += ["--val", "0.3", "--resize-height", "8", "--resize-width", "9"]
    words = ["images", str(tmp_path / "pictures")]
    assert main([*words, str(tmp_path / "one"), *more, "--shards", "2"]) == 0
    for number in (1, 0):
        assert main([*words, str(tmp_path / "two"), *more, "--shard", f"{number}/2"]) == 0
    assert main(["merge", str(tmp_path / "two")]) == 0
    found = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*")]
    same = [path for path in found if (tmp_path / "one" / path).is_file()]
    same = [path for path in same if path.name not in ("report.json", "contact_sheet.png")]
    assert len(same) >= 5
    for path in same:
        assert (tmp_path / "two" / path).read_bytes() == (tmp_path / "one" / path).read_bytes()
    assert main(["check", str(tmp_path / "two")]) == 0
    assert main([*words, str(tmp_path / "plain"), *more]) == 0
    index = read_index(tmp_path / "two")
    shards = [content(Path(index.place(shard))) for shard in index.get().shards]
    assert [*shards[0], *shards[1]] == content(tmp_path / "plain" / "train_lmdb")
