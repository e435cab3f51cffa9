"""Copies of folders: complete, checked, and not again what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.storage import copies
from caffe_mnist.storage.copies import download, download_folder, exists, upload_folder
from caffe_mnist.storage.store import Entry, StoreError, open_store
from caffe_mnist.storage.urls import join
from tests.fixtures.swift import Swift


@pytest.fixture
def s3(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket on Swift."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    return f"s3://{swift.bucket()}/data"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    real = copies._download

    def spy(store: object, entry: Entry, *rest: object) -> None:
        taken.append(entry.name)
        real(store, entry, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(copies, "_download", spy)
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
        copies._check_name(name, "s3://bucket")


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
