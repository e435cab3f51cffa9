"""Databases being written: whole or not there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.datasets import aside
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError


def records(count: int, size: int = 20) -> list[tuple[bytes, bytes]]:
    """Records with counted keys."""
    return [(b"%08d" % i, b"%d" % i + bytes(size)) for i in range(count)]


def read(path: Path) -> list[tuple[bytes, bytes]]:
    """Everything in a database."""
    with Database(path) as database:
        return [(key, bytes(value)) for key, value in database.records()]


def write_and_raise(target: Path, failure: type[BaseException]) -> None:
    """Fail while there are records aside; what was at the target is still there."""
    before = target.exists() and read(target)
    with DatabaseWriter(target, overwrite=True) as writer:
        writer.put(records(10))
        assert (target.exists() and read(target)) == before
        raise failure


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    """The database appears, whole and alone, when the block has ended."""
    target = tmp_path / "db"
    with DatabaseWriter(target) as writer:
        writer.put(records(10))
        assert not target.exists()
    assert os.listdir(tmp_path) == ["db"]
    assert os.listdir(target) == ["data.mdb"]
    assert read(target) == records(10)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    """Whatever ends the block early, the neighbourhood is as before."""
    with pytest.raises(failure):
        write_and_raise(tmp_path / "db", failure)
    assert os.listdir(tmp_path) == []


def test_overwriting_keeps_the_old_one_until_the_end(tmp_path: Path) -> None:
    """With overwrite the old records are there during the work, and after its failure."""
    target = tmp_path / "db"
    with DatabaseWriter(target) as writer:
        writer.put(records(3))
    with pytest.raises(KeyError):
        write_and_raise(target, KeyError)
    assert len(read(target)) == 3
    with DatabaseWriter(target, overwrite=True) as writer:
        writer.put(records(5))
    assert len(read(target)) == 5
    assert os.listdir(tmp_path) == ["db"]


def test_overwriting_without_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot exchange two names, one goes after the other."""
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    for count in (3, 5):
        with DatabaseWriter(tmp_path / "db", overwrite=True) as writer:
            writer.put(records(count))
    assert len(read(tmp_path / "db")) == 5
    assert os.listdir(tmp_path) == ["db"]


def test_what_was_moved_away_comes_back(tmp_path: Path) -> None:
    """A writer killed between its two renames loses nobody's database."""
    with DatabaseWriter(tmp_path / "db") as writer:
        writer.put(records(3))
    (tmp_path / "db").rename(tmp_path / ".db.0123abcd.old")
    with pytest.raises(CaffeMnistError, match="exists"), DatabaseWriter(tmp_path / "db"):
        pass
    assert len(read(tmp_path / "db")) == 3


def test_leftovers_go_and_living_neighbours_stay(tmp_path: Path) -> None:
    """A killed writer's folder is removed by the next one for that name, a live one's is not."""
    left = tmp_path / ".db.0123abcd.aside"
    left.mkdir()
    (left / "data.mdb").write_bytes(b"half")
    other = tmp_path / ".other.0123abcd.aside"
    other.mkdir()
    with DatabaseWriter(tmp_path / "db") as first:
        assert not left.exists()
        with DatabaseWriter(tmp_path / "db", overwrite=True) as second:
            second.put(records(2))
        first.put(records(3))
        shutil.rmtree(tmp_path / "db")
    assert len(read(tmp_path / "db")) == 3
    assert other.exists()


def test_the_map_grows(tmp_path: Path) -> None:
    """A map that is full becomes larger, and no record is lost or written twice."""
    with DatabaseWriter(tmp_path / "db", map_size=1 << 16) as writer:
        for at in range(0, 3000, 100):
            writer.put(records(3000, 500)[at : at + 100])
        assert writer.written == 3000
    assert read(tmp_path / "db") == records(3000, 500)


def test_records_out_of_order_are_refused(tmp_path: Path) -> None:
    """Appending relies on the order of keys: a smaller one is an error; or do not append."""
    refused = pytest.raises(CaffeMnistError, match="out of order")
    with refused, DatabaseWriter(tmp_path / "db") as writer:
        writer.put(records(3)[::-1])
    with DatabaseWriter(tmp_path / "db") as writer:
        writer.put(records(3)[::-1], append=False)
    assert read(tmp_path / "db") == records(3)


def test_only_a_database_is_replaced(tmp_path: Path) -> None:
    """A file, and a folder with anything else in it, stay even with overwrite."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "data.mdb").write_bytes(b"")
    (tmp_path / "folder" / "notes").write_text("mine")
    for name in ("file", "folder"):
        with pytest.raises(CaffeMnistError, match="not a database"):
            DatabaseWriter(tmp_path / name, overwrite=True).__enter__()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "folder" / "notes").read_text() == "mine"


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    """Overwriting through a link replaces what it points to."""
    with DatabaseWriter(tmp_path / "real") as writer:
        writer.put(records(3))
    (tmp_path / "link").symlink_to("real")
    with DatabaseWriter(tmp_path / "link", overwrite=True) as writer:
        writer.put(records(4))
    assert (tmp_path / "link").is_symlink()
    assert len(read(tmp_path / "real")) == 4


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder, and a file in its place, are errors with the path."""
    (tmp_path / "file").write_text("text")
    for parent in ("missing", "file"):
        with pytest.raises(CaffeMnistError, match="cannot write") as caught:
            DatabaseWriter(tmp_path / parent / "db").__enter__()
        assert caught.value.where == str(tmp_path / parent / "db")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may be larger than 1 MiB."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_no_room_is_one_line_and_nothing_left(tmp_path: Path) -> None:
    """A disk that takes no more gives the system's reason, and its space back."""
    refused = pytest.raises(CaffeMnistError, match="cannot write: File too large")
    with refused, DatabaseWriter(tmp_path / "db") as writer:
        writer.put(records(3000, 1000))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_failed_is_gone(tmp_path: Path) -> None:
    """Folders made for a work that fails go again; those that were there stay."""
    for path, left in (("a/b/c", []), ("kept/d", ["kept"])):
        if left:
            (tmp_path / left[0]).mkdir()
        with pytest.raises(ValueError), aside.folder(str(tmp_path / path)):  # noqa: PT011
            raise ValueError
        assert os.listdir(tmp_path) == left
