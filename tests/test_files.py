"""A file is never seen half written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing


def test_new_file_appears_at_a_clean_end(tmp_path: Path) -> None:
    """Before the end the name does not exist; afterwards there is only the name."""
    target = tmp_path / "net.caffemodel"
    with replacing(target) as aside:
        aside.write_bytes(b"weights")
        assert not target.exists()
        assert aside.parent == tmp_path
    assert target.read_bytes() == b"weights"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever stops the writer, the old content stays and no neighbour is left."""
    target = tmp_path / "run.json"
    target.write_text("old")

    def write() -> None:
        with replacing(target) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    """The file has the mode that an ordinary `open` would have given it."""
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "file") as aside:
            aside.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_unwritable_folder_is_an_expected_error(tmp_path: Path) -> None:
    """A missing folder is one line for the user, naming the file."""
    target = tmp_path / "missing" / "file"
    with pytest.raises(CaffeMnistError, match=r"missing/file: cannot write: No such file"):
        replacing(target).__enter__()


def test_target_that_is_a_folder_is_an_expected_error(tmp_path: Path) -> None:
    """A folder is never replaced by a file, and the neighbour is removed."""
    target = tmp_path / "folder"
    (target / "inside").mkdir(parents=True)

    def write() -> None:
        with replacing(target) as aside:
            aside.write_text("x")

    with pytest.raises(CaffeMnistError, match="cannot write"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (target / "inside").is_dir()


def test_a_full_disk_is_an_expected_error(tmp_path: Path) -> None:
    """What the disk does not take is said in one line (a device that is always full)."""

    def write() -> None:
        with replacing(tmp_path / "file"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(CaffeMnistError, match="file: cannot write: No space left on device"):
        write()
    assert not list(tmp_path.iterdir())


def test_devices_are_not_replaced() -> None:
    """What is there and is no plain file stays what it is."""
    with pytest.raises(CaffeMnistError, match="no plain file"), replacing("/dev/null"):
        pass
    assert Path("/dev/null").is_char_device()
