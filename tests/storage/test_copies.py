"""Copies of folders: complete, checked, and not again what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage import copies
from caffe_mnist.storage.copies import copy, download, download_folder, exists, upload_folder
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.snapshots import DamagedError, publish
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.survey import read_manifest
from caffe_mnist.storage.transfers import Side
from caffe_mnist.storage.urls import join
from tests.fixtures.swift import Swift
from tests.storage.conftest import make, tree


@pytest.fixture
def s3(bucket: str) -> str:
    """A place in a new bucket."""
    return f"{bucket}/data"


def test_a_folder_goes_there_and_back(s3: str, tmp_path: Path) -> None:
    """Names, nested folders, empty and large files."""
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "a").write_bytes(b"")
    (source / "deep" / "b").write_bytes(os.urandom(9 * 2**20))
    for number in range(30):
        (source / "deep" / "er" / f"{number} x").write_bytes(b"%d" % number)
    upload_folder(source, s3)
    download_folder(s3, tmp_path / "copy")
    assert tree(tmp_path / "copy") == tree(source)


def test_an_object_that_is_a_folder_too(s3: str, tmp_path: Path) -> None:
    """A store holds both, a disk does not: nothing is copied before that is said."""
    store = open_store(s3)
    for name in ("a", "b", "b/c"):
        store.write(name, b"1")
    with pytest.raises(CaffeMnistError, match=r"data/b: is an object and also the folder of 'b/c'"):
        copy(s3, str(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()
    copy(f"{s3}/b", str(tmp_path / "b"))
    copy(f"{s3}/b/", str(tmp_path / "folder"))
    assert tree(tmp_path) == {"b": b"1", "folder/c": b"1"}
    copy(s3, f"{s3}2")
    assert len(open_store(f"{s3}2").list()) == 3


def test_a_name_that_is_no_path(swift: Swift, s3: str, tmp_path: Path) -> None:
    """It is shown, in a line."""
    swift.make_bucket(f"{s3.partition('//')[2]}/d//x")
    with pytest.raises(StoreError, match=r"no path within a folder \('data/d//x'\)"):
        copy(s3, str(tmp_path / "copy"))


def test_a_second_download_takes_only_what_changed(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of their object's size and time are kept."""
    store = open_store(s3)
    store.write("same", b"1")
    store.write("grown", b"1")
    download_folder(s3, tmp_path)
    store.write("grown", b"22")
    taken: list[str] = []
    real = copies.transfer

    def spy(source: Side, entry: Entry, *rest: object) -> str:
        taken.append(entry.name)
        return real(source, entry, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(copies, "transfer", spy)
    download_folder(s3, tmp_path)
    assert taken == ["grown"]
    assert (tmp_path / "grown").read_bytes() == b"22"


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_nothing_to_copy_is_an_error(kind: str, s3: str, tmp_path: Path) -> None:
    """A URL with a typing mistake does not pass for an empty dataset."""
    url = s3 if kind == "s3" else str(tmp_path / "nowhere")
    assert not exists(url)
    with pytest.raises(StoreError, match=r"nothing to copy|no such folder"):
        download_folder(url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "nowhere").exists()


def test_one_object(s3: str, tmp_path: Path) -> None:
    """A single object into a file; a missing one is named."""
    open_store(s3).write("x/w.caffemodel", b"12")
    download(join(s3, "x/w.caffemodel"), tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == b"12"
    assert exists(join(s3, "x/w.caffemodel"))
    with pytest.raises(StoreError, match="no such object"):
        download(join(s3, "x/none"), tmp_path / "n")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\x", "a//x"])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    """Whatever a store lists, nothing is written outside."""
    with pytest.raises(StoreError, match="no path within a folder"):
        copies.check_name(name, "s3://bucket")


def test_a_full_disk_leaves_nothing_half_written(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one line; the target is absent, and its neighbour is gone."""
    open_store(s3).write("x", bytes(200_000))
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Exception, match="x: cannot write"):
            download_folder(s3, tmp_path / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert tree(tmp_path / "copy") == {}


@pytest.mark.parametrize("end", ["folder", "s3"])
def test_a_file_goes_where_it_is_told(end: str, s3: str, tmp_path: Path) -> None:
    """To a name, into a folder that is there, and into one named with a slash."""
    make(tmp_path / "from", x=b"1")
    root = s3 if end == "s3" else str(tmp_path / "to")
    source = str(tmp_path / "from" / "x")
    for target in ("new", "slash/", "slash"):
        copy(source, f"{root}/{target}")
    found = {entry.name for entry in open_store(root).list()}
    assert found == {"new", "slash/x"}
    copy(f"{root}/new", str(tmp_path / "back" / "y"))
    assert tree(tmp_path / "back") == {"y": b"1"}


def test_a_file_goes_into_a_bucket(bucket: str, tmp_path: Path) -> None:
    """Under its own name."""
    make(tmp_path, x=b"1")
    copy(str(tmp_path / "x"), bucket)
    assert [entry.name for entry in open_store(bucket).list()] == ["x"]


def test_from_store_to_store(s3: str, bucket: str, tmp_path: Path) -> None:
    """Small ones and one in parts, without a disk between."""
    source = make(tmp_path / "source", a__b=b"1", empty=b"", big=os.urandom(11 * 2**20))
    copy(str(source), s3)
    copy(s3, f"{bucket}/other")
    copy(f"{bucket}/other", str(tmp_path / "back"))
    assert tree(tmp_path / "back") == tree(source)


def test_links_are_followed_and_circles_refused(s3: str, tmp_path: Path) -> None:
    """What a link leads to is data; what leads nowhere is an error that names it."""
    make(tmp_path / "real", x=b"1")
    source = make(tmp_path / "source", y=b"2")
    (source / "link").symlink_to(tmp_path / "real")
    copy(str(source), s3)
    assert [entry.name for entry in open_store(s3).list()] == ["link/x", "y"]
    (source / "circle").symlink_to(source)
    with pytest.raises(CaffeMnistError, match="links to a folder that it is in"):
        copy(str(source), s3)
    (source / "circle").unlink()
    (source / "nothing").symlink_to(tmp_path / "not there")
    with pytest.raises(CaffeMnistError, match="nothing: is a link to nothing"):
        copy(str(source), s3)


def test_nothing_is_copied_onto_itself(tmp_path: Path) -> None:
    """Not by another name of the same folder either."""
    make(tmp_path, x=b"1")
    for target in (str(tmp_path), f"file://{tmp_path}/", str(tmp_path / "x")):
        with pytest.raises(CaffeMnistError, match=r"the same|is a file"):
            copy(str(tmp_path), target)


def test_an_empty_marker_of_a_folder_is_no_file(swift: Swift, bucket: str, tmp_path: Path) -> None:
    """A folder that somebody made in a console does not stop a copy."""
    swift.make_bucket(f"{bucket[5:]}/data/lonely/")
    open_store(bucket).write("data/x", b"1")
    copy(f"{bucket}/data", str(tmp_path / "copy"))
    copy(f"{bucket}/data", f"{bucket}/copy")
    assert tree(tmp_path / "copy") == {"x": b"1"}


def snapshot(root: str, folder: Path, iteration: int = 10) -> None:
    """A complete one."""
    files = make(folder, caffemodel=b"weights", solverstate=b"state")
    publish(root, sorted(path for path in files.rglob("*") if path.is_file()), iteration)


@pytest.mark.parametrize("end", ["folder", "s3"])
def test_a_manifest_goes_last(
    end: str, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end in the middle leaves no manifest, of the new snapshot or of the one before."""
    root = s3 if end == "s3" else str(tmp_path / "store")
    snapshot(join(root, "1"), tmp_path / "model")
    copy(join(root, "1"), join(root, "copy"))
    assert read_manifest(join(root, "copy")).iteration == 10
    real = copies.transfer

    def fails(source: Side, entry: Entry, *rest: object) -> str:
        if entry.name == "solverstate":
            raise StoreError("the cable was pulled")
        return real(source, entry, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(copies, "transfer", fails)
    for target in ("copy", "another"):
        with pytest.raises(StoreError, match="cable"):
            copy(join(root, "1"), join(root, target))
        assert open_store(join(root, target)).size("manifest.json") is None


def test_a_damaged_snapshot_gets_no_manifest_elsewhere(s3: str, tmp_path: Path) -> None:
    """What is not what its manifest says is found out on the way."""
    snapshot(join(s3, "1"), tmp_path / "model")
    open_store(join(s3, "1")).write("solverstate", b"STATE")
    for target in (str(tmp_path / "copy"), f"{s3}/copy"):
        with pytest.raises(DamagedError, match="solverstate: is not what its manifest says"):
            copy(join(s3, "1"), target)
        assert open_store(target).size("manifest.json") is None


def test_a_file_that_changes_meanwhile_is_said(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of two versions does not pass for a copy."""
    make(tmp_path, x=b"1")
    whole = Store.upload

    def upload(self: Store, path: Path, name: str, moved: None = None) -> str:
        digest = whole(self, path, name, moved)
        path.write_bytes(b"22")
        return digest

    monkeypatch.setattr(Store, "upload", upload)
    with pytest.raises(CaffeMnistError, match="x: changed while it was copied"):
        copy(str(tmp_path / "x"), s3)


def test_devices_and_folders_are_not_replaced(tmp_path: Path) -> None:
    """Only files are."""
    source = make(tmp_path / "source", x=b"1")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaffeMnistError, match="pipe: is there and is no file"):
        copy(str(source / "x"), str(tmp_path / "pipe"))
    (tmp_path / "to" / "x").mkdir(parents=True)
    with pytest.raises(CaffeMnistError, match="x: is there and is no file"):
        copy(str(source), str(tmp_path / "to"))
