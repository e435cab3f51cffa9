"""Joining parts, datasets and databases: what belongs together is joined, the rest refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import read_index
from caffe_mnist.datasets.pictures.listing import Listing
from caffe_mnist.datasets.shards import MEAN, Share, read_sums, write_sets
from tests.datasets.test_shards import ARGUMENTS, content, listing, make, write


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Three shards made by three machines, in a folder each below `parts`."""
    (tmp_path / "parts").mkdir()
    for number in range(3):
        folder = tmp_path / "parts" / str(number)
        make(folder, Share(3, number))
        (folder / f"skipped-{number:05d}-of-00003.csv").write_text(f"name,reason\n{number},x\n")
    return tmp_path / "parts"


def folders(parts: Path) -> list[str]:
    """The machines' folders, as a shell would give them, in another order."""
    return [str(parts / name) for name in ("2", "0", "1")]


def test_parts_of_one_folder_become_what_one_machine_makes(tmp_path: Path) -> None:
    """The index, the mean and the classes, byte for byte."""
    make(tmp_path / "all", Share(3))
    for number in (1, 2, 0):
        make(tmp_path / "alone", Share(3, number))
    assert main(["merge", str(tmp_path / "alone")]) == 0
    for name in ("dataset.json", MEAN):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()
    assert (tmp_path / "alone" / "labels.txt").read_text() == "a\nb\nc\n"
    assert main(["merge", str(tmp_path / "alone")]) == 0  # again: nothing else comes of it
    assert main(["merge", str(tmp_path / "alone" / "flowers.json")]) == 0
    found = [(tmp_path / "alone" / f"{name}.json").read_text() for name in ("dataset", "flowers")]
    assert found[0] == found[1]
    assert main(["check", str(tmp_path / "alone")]) == 0


def test_parts_of_several_folders(tmp_path: Path, parts: Path) -> None:
    """Named from where the index is; the table of what was skipped is that of one machine."""
    out = tmp_path / "out"
    assert main(["merge", str(out), *folders(parts)]) == 0
    index = read_index(out)
    assert [shard.path for shard in index.get().shards] == [
        f"../parts/{k}/train_lmdb-0000{k}-of-00003" for k in range(3)
    ]
    assert (out / "skipped.csv").read_text() == ("name,reason\n6.png,is broken\n13.png,is broken\n")
    make(tmp_path / "all", Share(3))
    assert (out / MEAN).read_bytes() == (tmp_path / "all" / MEAN).read_bytes()
    os.rename(tmp_path, tmp_path.with_name("moved"))  # paths are relative
    try:
        assert main(["check", str(tmp_path.with_name("moved") / "out")]) == 0
    finally:
        os.rename(tmp_path.with_name("moved"), tmp_path)


@pytest.mark.parametrize("name", ["train", "val"])
def test_one_database(tmp_path: Path, parts: Path, name: str) -> None:
    """Its records are those of one conversion, keys and all."""
    make(tmp_path / "one", Share())
    assert main(["merge", str(tmp_path / "db"), *folders(parts), "--one", "--set", name]) == 0
    assert content(tmp_path / "db") == content(tmp_path / "one" / f"{name}_lmdb")
    assert main(["merge", str(tmp_path / "db"), *folders(parts), "--one"]) == 2
    assert main(["merge", str(tmp_path / "db"), *folders(parts), "--one", "--overwrite"]) == 0


def test_databases_are_joined_in_the_order_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an index of them, or as one database whose keys are numbered anew."""
    make(tmp_path / "x", Share())
    train, val = str(tmp_path / "x" / "train_lmdb"), str(tmp_path / "x" / "val_lmdb")
    assert main(["merge", str(tmp_path / "out"), val, train]) == 0
    found = read_index(tmp_path / "out").get()
    assert [(shard.path, shard.first) for shard in found.shards] == [
        ("../x/val_lmdb", 0), ("../x/train_lmdb", 5),
    ]  # fmt: skip
    assert found.shape == (1, 2, 2)
    assert found.labels == {0: 8, 1: 8, 2: 7}
    assert not (tmp_path / "out" / MEAN).exists()
    assert "no mean, for want of" in capsys.readouterr().out
    assert main(["merge", str(tmp_path / "db"), val, train, "--one"]) == 0
    joined = content(tmp_path / "db")
    assert [key for key, _ in joined[:6]] == [
        *(b"%08d_%d.png" % (k, k) for k in range(5)), b"00000005_0.png",
    ]  # fmt: skip
    both = content(Path(val)) + content(Path(train))
    assert [value for _, value in joined] == [value for _, value in both]


def test_whole_datasets_are_joined(tmp_path: Path) -> None:
    """Set by set; the mean is that of all records."""
    for name in "ab":
        make(tmp_path / name, Share(2 if name == "a" else 0))
    assert main(["merge", str(tmp_path / "out"), str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    index = read_index(tmp_path / "out")
    assert (index.get("train").records, index.get("val").records) == (36, 10)
    assert index.get("train").arguments["gray"] is True
    one, both = (read_sums(str(tmp_path / name / MEAN)) for name in ("a", "out"))
    assert np.allclose(one, both)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(path.read_text())
    for one in found["sets"].values():
        change(one)
    path.write_text(json.dumps(found))


def _part(parts: Path, number: int) -> Path:
    return parts / str(number) / f"dataset-0000{number}-of-00003.json"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda parts: _part(parts, 1).rename(parts / "part.json"),
            "1 is neither an index",
        ),
        (lambda parts: _part(parts, 1).rename(parts / "1" / "dataset.json"), None),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one.update(classes=["a", "z", "c"])),
            "other classes than",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one.update(classes=["a", "b"])),
            "has other classes",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one["arguments"].update(gray=False)),
            "has gray False, not True as",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one["arguments"].update(list="x")),
            "is of other pictures than",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one.update(part=[2, 3])),
            "is shard 2 of 3, as",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one.update(part=[1, 4])),
            "is one of 4 shards",
        ),
        (
            lambda parts: _edit(_part(parts, 1), lambda one: one.pop("part")),
            "is a part, ",
        ),
        (
            lambda parts: shutil.rmtree(parts / "1" / "train_lmdb-00001-of-00003"),
            "the shard train_lmdb-00001-of-00003 is missing",
        ),
        (
            lambda parts: write(
                Listing("", listing(20).entries[:6], (), "", 6),
                str(parts / "1" / "train_lmdb-00001-of-00003"),
            ),
            "is not as it was made",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path,
    parts: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    message: str | None,
) -> None:
    """One line says what and where, and nothing is written."""
    spoil(parts)
    for more in ([], ["--one"]):
        status = main(["merge", str(tmp_path / "out"), *folders(parts), *more])
        if message is None:
            assert status == 0
            return
        error = capsys.readouterr().err
        assert status == 2
        assert len(error.splitlines()) == 1
        assert message.replace("1 is neither", "1: is neither") in error
        assert not (tmp_path / "out").exists()


def test_missing_double_and_foreign_parts(
    tmp_path: Path, parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shards that are not there are named by their numbers."""
    out, (two, zero, one) = str(tmp_path / "out"), folders(parts)
    make(tmp_path / "whole", Share())
    for given, message in (
        ([two, zero], "shard 1 of 3 is missing"),
        ([one], "2 of 3 shards are missing: 0, 2"),
        ([one, two, zero, one], "is given twice"),
        ([two, zero, one, str(tmp_path / "whole")], "is a part, "),
        ([two, zero, one, str(tmp_path / "whole" / "train_lmdb")], "has the sets train"),
        ([str(tmp_path / "none")], "is not there"),
    ):
        assert main(["merge", out, *given]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_index_is_not_replaced(
    tmp_path: Path, parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless told so."""
    make(tmp_path / "out", Share())
    before = (tmp_path / "out" / "dataset.json").read_bytes()
    assert main(["merge", str(tmp_path / "out"), *folders(parts)]) == 2
    assert "exists already (--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "dataset.json").read_bytes() == before
    assert main(["merge", str(tmp_path / "out"), *folders(parts), "--overwrite"]) == 0
    assert len(read_index(tmp_path / "out").get().shards) == 3


def test_info_and_check_of_an_index(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it holds, and every shard that is not as it was made."""
    make(tmp_path / "x", Share(2))
    assert main(["info", str(tmp_path / "x")]) == 0
    said = capfd.readouterr().out
    assert "set train: 18 records in 2 databases" in said
    assert "label 1 (b): 6" in said
    assert main(["check", str(tmp_path / "x" / "dataset.json")]) == 0
    assert "23 records, all whole" in capfd.readouterr().out
    write(listing(5), str(tmp_path / "x" / "train_lmdb-00001-of-00002"))
    assert main(["check", str(tmp_path / "x")]) == 1
    assert "train_lmdb-00001-of-00002 has 5 records, not 9" in capfd.readouterr().out
    assert main(["info", str(tmp_path / "x")]) == 2
    shutil.rmtree(tmp_path / "x" / "val_lmdb-00000-of-00002")
    assert main(["check", str(tmp_path / "x")]) == 1
    assert "val_lmdb-00000-of-00002 is missing" in capfd.readouterr().out


def test_sets_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dataset with a set to validate with, and one without."""
    make(tmp_path / "x", Share())
    (tmp_path / "y").mkdir()
    write_sets({"train": listing(9)}, str(tmp_path / "y"), write, Share(), ARGUMENTS)
    assert main(["merge", str(tmp_path / "o"), str(tmp_path / "x"), str(tmp_path / "y")]) == 2
    assert "has the sets train" in capsys.readouterr().err
    assert main(["merge", str(tmp_path / "o"), str(tmp_path / "x"), "--one", "--set", "z"]) == 2
    assert "has no set 'z'" in capsys.readouterr().err
    with Database(tmp_path / "y" / "train_lmdb") as database:
        assert len(database) == 8
