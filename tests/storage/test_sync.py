"""sync: what is new and changed, and nothing else, in any direction."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.sync import Synced, sync
from caffe_mnist.storage.urls import join
from tests.storage.conftest import make, tree

PAST = time.time() - 1000


def age(folder: Path, seconds: float = PAST) -> None:
    """Give every file an older time."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (seconds, seconds))


def test_only_what_is_new_or_changed_goes(root: str, tmp_path: Path) -> None:
    """By size, and by time where the size is the same; nothing is removed."""
    source = make(tmp_path / "source", a=b"1", b__c=b"2", d=b"3")
    age(source)
    assert sync(str(source), root) == Synced(3, 0)
    assert sync(str(source), root) == Synced(0, 3)
    make(source, a=b"longer", new=b"4")
    (source / "d").unlink()
    assert sync(str(source), root) == Synced(2, 1)
    names = [entry.name for entry in open_store(root).list()]
    assert names == ["a", "b/c", "d", "new"]
    assert open_store(root).read("a") == b"longer"


def test_and_back(root: str, tmp_path: Path) -> None:
    """A second time takes nothing; a file that was changed here is brought back."""
    sync(str(make(tmp_path / "source", a=b"1", b__c=b"2")), root)
    copy = tmp_path / "copy"
    assert sync(root, str(copy)) == Synced(2, 0)
    assert sync(root, str(copy)) == Synced(0, 2)
    (copy / "a").write_bytes(b"X")
    assert sync(root, str(copy)) == Synced(1, 1)
    assert tree(copy) == {"a": b"1", "b/c": b"2"}


def test_content_decides_where_times_cannot(bucket: str, tmp_path: Path) -> None:
    """A file with a new time and the same bytes is not sent again; with other bytes it is."""
    source = make(tmp_path / "source", same=b"1", other=b"2")
    sync(str(source), bucket)
    future = time.time() + 1000
    (source / "other").write_bytes(b"3")
    age(source, future)
    assert sync(str(source), bucket) == Synced(1, 1)
    age(source)  # as if the store's clock went ahead: by time alone, nothing has changed
    (source / "same").write_bytes(b"9")
    age(source)
    assert sync(str(source), bucket) == Synced(0, 2)
    assert sync(str(source), bucket, checksum=True) == Synced(1, 1)
    assert open_store(bucket).read("same") == b"9"


def test_large_objects_are_compared_by_reading(bucket: str, tmp_path: Path) -> None:
    """An object that went in parts has no MD5."""
    source = make(tmp_path / "source", big=os.urandom(6 * 2**20))
    sync(str(source), bucket)
    assert sync(str(source), bucket, checksum=True) == Synced(0, 1)
    with (source / "big").open("r+b") as file:
        file.write(b"changed")
    age(source)
    assert sync(str(source), bucket, checksum=True) == Synced(1, 0)


def test_from_store_to_store(bucket: str, tmp_path: Path) -> None:
    """Objects of the same content stay."""
    sync(str(make(tmp_path / "source", a=b"1", b=b"2")), join(bucket, "one"))
    assert sync(join(bucket, "one"), join(bucket, "two")) == Synced(2, 0)
    open_store(join(bucket, "one")).write("a", b"9")
    assert sync(join(bucket, "one"), join(bucket, "two")) == Synced(1, 1)
    assert open_store(join(bucket, "two")).read("a") == b"9"


def test_what_cannot_be_synced_is_said(root: str, tmp_path: Path) -> None:
    """A single file, nothing, and a place with itself."""
    source = make(tmp_path / "source", a=b"1")
    with pytest.raises(CaffeMnistError, match="single file: use cp"):
        sync(str(source / "a"), root)
    with pytest.raises(CaffeMnistError, match=r"nothing|no such file"):
        sync(join(root, "nowhere"), str(tmp_path / "x"))
    with pytest.raises(CaffeMnistError, match="the same"):
        sync(str(source), str(source))
