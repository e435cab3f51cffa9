"""A finished dataset takes its place; nothing that was not made here goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.datasets.index import RecordSet, make_shard, write_index
from caffe_mnist.datasets.pictures.publishing import check_target, publish
from caffe_mnist.errors import CaffeMnistError


def dataset(folder: Path, mark: str, *names: str) -> Path:
    """Something like a dataset."""
    (folder / "train_lmdb").mkdir(parents=True)
    (folder / "train_lmdb" / "data.mdb").write_text(mark)
    shard = make_shard("train_lmdb", 1, 0, "0" * 64, {0: 1})
    write_index(folder / "dataset.json", {"train": RecordSet((shard,), (), (1, 2, 2), 0, {})})
    for name in names:
        (folder / name).write_text(mark)
    return folder


def marks(folder: Path) -> dict[str, str]:
    """Every file below `folder` and what it says, without the index."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "dataset.json"
    }


def test_into_a_new_place(tmp_path: Path) -> None:
    """The folder as a whole takes the name."""
    publish(str(dataset(tmp_path / "staged", "new", "labels.txt")), str(tmp_path / "out"))
    assert marks(tmp_path / "out") == {"train_lmdb/data.mdb": "new", "labels.txt": "new"}
    assert not (tmp_path / "staged").exists()


@pytest.mark.parametrize("name", ["notes.txt", None])
def test_what_is_replaced_goes_as_a_whole(name: str | None, tmp_path: Path) -> None:
    """Files that the new dataset does not have are gone too; others stay."""
    names = [name] if name else []
    out = dataset(tmp_path / "out", "old", "mean.binaryproto", "skipped.csv", *names)
    staged = dataset(tmp_path / "staged", "new")
    check_target(str(out), overwrite=True)
    publish(str(staged), str(out))
    kept = {name: "old"} if name else {}
    assert marks(out) == {"train_lmdb/data.mdb": "new", **kept}


def test_a_failure_in_the_middle_takes_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files have to move one by one, all of them do, or none."""
    out = dataset(tmp_path / "out", "old", "labels.txt", "notes.txt")
    staged = dataset(tmp_path / "staged", "new", "labels.txt")
    before, rename = marks(out), os.rename

    def fails_once(source: str, target: str) -> None:
        if source == str(staged / "labels.txt"):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_once)
    with pytest.raises(CaffeMnistError, match="No space left"):
        publish(str(staged), str(out))
    assert marks(out) == before
    assert (out / "dataset.json").exists()


def test_what_was_not_made_here_stays(tmp_path: Path) -> None:
    """Files of our names without an index, databases with more in them, links, plain files."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "labels.txt").write_text("mine")
    refused(foreign, "was not made here")
    more = dataset(tmp_path / "more", "old")
    (more / "train_lmdb" / "precious.txt").write_text("mine")
    refused(more, "train_lmdb, which was not made here")
    linked = dataset(tmp_path / "linked", "old")
    (linked / "val_lmdb").symlink_to(tmp_path / "more" / "train_lmdb")
    refused(linked, "val_lmdb, which was not made here")
    (tmp_path / "file").write_text("mine")
    refused(tmp_path / "file", "is no folder")


def test_what_is_in_the_way(tmp_path: Path) -> None:
    """Without --overwrite nothing is replaced; other files are in nobody's way."""
    out = dataset(tmp_path / "out", "old")
    with pytest.raises(CaffeMnistError, match="already"):
        check_target(str(out))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    check_target(str(tmp_path / "notes"))
    check_target(str(tmp_path / "none"))
    check_target(str(out), part="-00001-of-00002")


def test_reasons_of_a_run_that_read_nothing_are_in_nobodys_way(tmp_path: Path) -> None:
    """A table of skipped pictures alone may be replaced; a table of something else may not."""
    (tmp_path / "skipped.csv").write_text("name,reason\na.jpg,no picture\n")
    check_target(str(tmp_path))
    (tmp_path / "skipped.csv").write_text("mine\n")
    with pytest.raises(CaffeMnistError, match="already"):
        check_target(str(tmp_path))


def refused(out: Path, what: str) -> None:
    """Not even --overwrite replaces it."""
    with pytest.raises(CaffeMnistError, match=what):
        check_target(str(out), overwrite=True)
