"""Databases as a reader meets them: whole, broken, of another kind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import lmdb
import pytest

from caffe_mnist.datasets.database import Database
from caffe_mnist.errors import CaffeMnistError


def make(path: Path, records: Sequence[tuple[bytes, bytes]]) -> Path:
    """A database of these records."""
    with lmdb.open(str(path), map_size=2**28) as environment, environment.begin(write=True) as txn:
        for key, value in records:
            txn.put(key, value)
    return path


COUNTED = [(b"%08d" % i, b"value %d" % i) for i in range(1000)]
NAMED = [(b"%08d_n/%d.jpg" % (i, i), b"value %d" % i) for i in range(1000)]
GAPS = [(b"%08d" % (i * 7), b"value %d" % i) for i in range(1000)]
WORDS = sorted((b"key %d" % i, b"value") for i in range(1000))


@pytest.mark.parametrize("records", [COUNTED, NAMED, GAPS, WORDS])
@pytest.mark.parametrize("start", [0, 1, 499, 999])
def test_reading_starts_at_any_record(
    tmp_path: Path, records: list[tuple[bytes, bytes]], start: int
) -> None:
    """records(n) begins at the n-th key, whatever the keys look like."""
    with Database(make(tmp_path / "db", records)) as database:
        assert len(database) == 1000
        found = [(key, bytes(value)) for key, value in islice(database.records(start), 3)]
    assert found == records[start : start + 3]


def test_beyond_the_end_there_is_nothing(tmp_path: Path) -> None:
    """A start behind the last record gives no records."""
    with Database(make(tmp_path / "db", COUNTED)) as database:
        assert list(database.records(1000)) == []


def test_one_database_may_be_opened_twice(tmp_path: Path) -> None:
    """Two Data layers on one source read independently, and one closing leaves the other."""
    path = make(tmp_path / "db", COUNTED)
    first, second = Database(path), Database(tmp_path / "." / "db")
    one, other = first.records(), second.records(5)
    assert (next(one)[0], next(other)[0], next(one)[0]) == (b"00000000", b"00000005", b"00000001")
    first.close()
    assert next(other)[0] == b"00000006"
    with pytest.raises(ValueError, match="closed"):
        next(first.records())


def test_a_replaced_database_is_seen(tmp_path: Path) -> None:
    """Opening again after the folder was replaced reads the new one."""
    path = make(tmp_path / "db", COUNTED)
    with Database(path) as before:
        path.rename(tmp_path / "old")
        make(path, COUNTED[:10])
        with Database(path) as after:
            assert (len(before), len(after)) == (1000, 10)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A database without a lock file in a read-only folder is read without locks."""
    path = make(tmp_path / "db", COUNTED)
    (path / "lock.mdb").unlink()
    (path / "lock.mdb").mkdir()  # nobody, root included, can open this for writing
    with Database(path) as database:
        assert next(database.records())[0] == b"00000000"


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    """Each kind of wrong path has its own line, which names the path."""
    whole = make(tmp_path / "whole", COUNTED)
    content = (whole / "data.mdb").read_bytes()
    for name, data in {
        "empty": b"",
        "garbage": os.urandom(9000),
        "short": content[: len(content) // 2],
        "stub": content[:100],
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.mdb").write_bytes(data)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "leveldb").mkdir()
    (tmp_path / "leveldb" / "CURRENT").write_text("MANIFEST-000002\n")
    (tmp_path / "leveldb" / "MANIFEST-000002").write_bytes(b"")
    make(tmp_path / "norecords", [])
    for name, what in {
        "missing": "no such database",
        "file": "not the folder of a database",
        "nothing": "no data.mdb",
        "leveldb": "LevelDB",
        "empty": "empty file",
        "garbage": "not an LMDB file",
        "stub": "cannot open as an LMDB",
        "short": "truncated",
        "norecords": "no records",
    }.items():
        with pytest.raises(CaffeMnistError, match=what) as caught:
            Database(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_damaged_pages_are_an_error(tmp_path: Path) -> None:
    """Pages of zeros inside a file of the right length raise, or give fewer records."""
    path = make(tmp_path / "db", [(key, value * 50) for key, value in COUNTED])
    content = bytearray((path / "data.mdb").read_bytes())
    content[2 * 4096 :] = bytes(len(content) - 2 * 4096)
    shutil.rmtree(path)
    path.mkdir()
    (path / "data.mdb").write_bytes(content)
    with pytest.raises(CaffeMnistError, match="damaged"), Database(path) as database:
        list(database.records())


def test_threads_open_and_close_one_database_at_once(
    tmp_path: Path,
) -> None:
    """LMDB allows one opening a process; whoever comes while another closes waits for it."""
    make(tmp_path / "db", COUNTED[:3])

    def open_often(_: int) -> int:
        found = 0
        for _ in range(200):
            with Database(tmp_path / "db") as database:
                found += len(database)
        return found

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(open_often, range(4))) == [600] * 4
    finally:
        sys.setswitchinterval(before)
