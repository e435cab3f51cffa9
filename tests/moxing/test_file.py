"""MoXing's file functions mean the same for folders, stores and stores moved to a folder."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import caffe_mnist.moxing as mox
from caffe_mnist.errors import CaffeMnistError

file = mox.file
MISSING = file.MoxFileNotExistsException


def test_a_made_folder_is_there(base: str) -> None:
    """`make_dirs` makes an empty folder and those above; twice is no error."""
    for _ in range(2):
        file.make_dirs(f"{base}/a/b")
    for path in (f"{base}/a", f"{base}/a/", f"{base}/a/b", f"{base}/a/b/"):
        assert file.exists(path)
        assert file.is_directory(path)
    assert file.list_directory(f"{base}/a/b") == []
    assert not file.exists(f"{base}/b")
    assert not file.is_directory(f"{base}/b")
    assert not file.exists("")


def test_mk_dir_needs_its_parent(base: str) -> None:
    """`mk_dir` makes one folder; OSError where the folder above is missing."""
    with pytest.raises(OSError, match="no/deep"):
        file.mk_dir(f"{base}/no/deep")
    file.mk_dir(f"{base}/one")
    file.mk_dir(f"{base}/one/two")
    assert file.is_directory(f"{base}/one/two")


def test_what_is_written_is_read(base: str) -> None:
    """Text is UTF-8; `binary` reads bytes; `write` replaces, `append` adds."""
    path = f"{base}/a.txt"
    file.write(path, "één\n")
    assert file.read(path) == "één\n"
    file.append(path, b"\xff\x00", binary=True)
    assert file.read(path, binary=True) == "één\n".encode() + b"\xff\x00"
    file.write(path, b"new", binary=True)
    file.append(f"{base}/b.txt", "made")
    assert (file.read(path), file.read(f"{base}/b.txt")) == ("new", "made")
    file.append_remote(f"{base}/b.txt", path)
    assert file.read(path) == "newmade"


def test_sizes_and_times(base: str) -> None:
    """`stat` has length, time and kind; `get_size` of a folder adds up what is in it."""
    file.make_dirs(f"{base}/d/e")
    file.write(f"{base}/d/a", "12345")
    file.write(f"{base}/d/e/b", "67")
    found = file.stat(f"{base}/d/a")
    assert (found.length, found.is_directory) == (5, False)
    assert abs(found.mtime_nsec / 1e9 - time.time()) < 3600
    assert file.stat(f"{base}/d").is_directory
    assert file.get_size(f"{base}/d/a") == 5
    assert file.get_size(f"{base}/d", recursive=True) == 7
    assert file.get_size(f"{base}/d") == (0 if "://" in base else 7)


def test_names_in_folders(base: str) -> None:
    """`list_directory` with each of its arguments."""
    file.make_dirs(f"{base}/d/empty")
    file.write(f"{base}/d/a", "1")
    file.make_dirs(f"{base}/d/e")
    file.write(f"{base}/d/e/b", "2")
    assert file.list_directory(f"{base}/d") == ["a", "e", "empty"]
    assert file.list_directory(f"{base}/d/", recursive=True) == ["a", "e", "e/b", "empty"]
    assert file.list_directory(f"{base}/d", skip_file=True) == ["e", "empty"]
    assert file.list_directory(f"{base}/d", skip_dir=True) == ["a"]
    assert file.list_directory(f"{base}/d", remove_sep=False) == ["a", "e/", "empty/"]
    with pytest.raises(NotADirectoryError):
        file.list_directory(f"{base}/d/a")


def test_walk_scan_and_glob(base: str) -> None:
    """Paths come back as the script writes them: absolute, or URLs."""
    file.make_dirs(f"{base}/d/e")
    file.write(f"{base}/d/1.jpg", "1")
    file.write(f"{base}/d/e/2.jpg", "2")
    file.write(f"{base}/d/e/.3.jpg", "3")
    walked = [(top, sorted(folders), sorted(files)) for top, folders, files in file.walk(base)]
    assert walked == [
        (base, ["d"], []),
        (f"{base}/d", ["e"], ["1.jpg"]),
        (f"{base}/d/e", [], [".3.jpg", "2.jpg"]),
    ]
    entries = sorted(file.scan_dir(f"{base}/d"), key=lambda entry: str(entry.name))
    assert [(e.name, e.path, e.is_dir(), e.is_file()) for e in entries] == [
        ("1.jpg", f"{base}/d/1.jpg", False, True),
        ("e", f"{base}/d/e", True, False),
    ]
    assert file.glob(f"{base}/d/*.jpg") == [f"{base}/d/1.jpg"]
    assert file.glob(f"{base}/*/*/*.jpg") == [f"{base}/d/e/2.jpg"]
    assert file.glob(f"{base}/d/?") == [f"{base}/d/e"]
    assert file.glob(f"{base}/d/1.jpg") == [f"{base}/d/1.jpg"]
    assert file.glob(f"{base}/d/[x]*") == file.glob(f"{base}/no/*") == []


@pytest.mark.parametrize("mode", ["w", "bw", "wb+", "w+"])
def test_opened_for_writing(base: str, mode: str) -> None:
    """What is written is there after a flush, and after the end."""
    data: Any = "ab" if "b" not in mode else b"ab"
    with file.File(f"{base}/f", mode) as opened:
        assert (opened.name, opened.mode) == (f"{base}/f", mode)
        assert opened.writable()
        assert opened.seekable()
        assert opened.readable() == ("+" in mode)
        opened.write(data)
        opened.flush()
        assert file.read(f"{base}/f") == "ab"
        opened.writelines([data, data])
        assert opened.size() == 6
        opened.seek(1)
        assert opened.tell() == 1
        opened.write(data[:1])
    assert file.read(f"{base}/f") == "aaabab"


def test_opened_for_reading_and_adding(base: str) -> None:
    """r and a, with +, read by lines and pieces."""
    file.write(f"{base}/f", "one\ntwo\nthree")
    with file.File(f"{base}/f") as opened:
        assert not opened.writable()
        assert (opened.read(2), opened.readline()) == ("on", "e\n")
        assert opened.readlines() == ["two\n", "three"]
        assert opened.size() == 13
    with file.File(f"{base}/f", "a+") as opened:
        opened.write("\nfour")
        opened.seek(0)
        assert list(opened) == ["one\n", "two\n", "three\n", "four"]
    with file.File(f"{base}/f", "rb+") as opened:
        opened.seek(-4, 2)
        opened.write(b"5")
    with file.File(f"{base}/f", "br") as opened:
        assert opened.read().endswith(b"\n5our")
    with file.File(f"{base}/new", "a") as opened:
        opened.write("x")
    assert file.read(f"{base}/new") == "x"
    with pytest.raises(ValueError, match="mode"):
        file.File(f"{base}/f", "rw")


def test_copies(base: str, tmp_path: Path) -> None:
    """`copy` takes a file anywhere; `copy_parallel` the content of a folder, empty ones too."""
    local = tmp_path / "local"
    (local / "sub" / "empty").mkdir(parents=True)
    (local / "a").write_text("A")
    (local / "sub" / "b").write_bytes(bytes(range(256)) * 5000)
    file.copy_parallel(str(local), f"{base}/up")
    assert file.list_directory(f"{base}/up", recursive=True) == ["a", "sub", "sub/b", "sub/empty"]
    file.copy_parallel(f"{base}/up/", f"{base}/up2/")
    file.copy_parallel(f"{base}/up2", str(tmp_path / "down"))
    assert (tmp_path / "down" / "sub" / "b").read_bytes() == (local / "sub" / "b").read_bytes()
    assert (tmp_path / "down" / "sub" / "empty").is_dir()
    file.copy_parallel(f"{base}/up", f"{base}/some", file_list=["sub/b"], threads=2)
    assert file.list_directory(f"{base}/some", recursive=True) == ["sub", "sub/b"]
    file.copy(f"{base}/up/a", str(tmp_path / "a2"))
    file.copy(str(tmp_path / "a2"), f"{base}/up/sub/")
    file.copy(f"{base}/up/sub/a2", f"{base}/deep/er/a3")
    assert file.read(f"{base}/deep/er/a3") == "A"
    with pytest.raises(MISSING):
        file.copy_parallel(f"{base}/up", f"{base}/x", file_list=["no"])


def test_renames(base: str, tmp_path: Path) -> None:
    """Files and folders get other names, and move between this machine and a store."""
    file.make_dirs(f"{base}/d")
    file.write(f"{base}/d/a", "A")
    file.rename(f"{base}/d/a", f"{base}/d/b")
    file.rename(f"{base}/d", f"{base}/e")
    assert file.list_directory(base, recursive=True) == ["e", "e/b"]
    file.rename(f"{base}/e", str(tmp_path / "here"))
    assert (tmp_path / "here" / "b").read_text() == "A"
    assert not file.exists(f"{base}/e")
    file.rename(str(tmp_path / "here" / "b"), f"{base}/c")
    assert file.read(f"{base}/c") == "A"
    assert not (tmp_path / "here" / "b").exists()


def test_remove_as_the_platform_has_it(base: str) -> None:
    """A file goes; a folder only with `recursive`; a file with a slash stays, without a word."""
    file.make_dirs(f"{base}/d/e/f")
    file.write(f"{base}/d/a", "A")
    file.remove(f"{base}/d")
    file.remove(f"{base}/d/")
    file.remove(f"{base}/d/a/")
    file.remove(f"{base}/d/a/", recursive=True)
    assert file.read(f"{base}/d/a") == "A"
    file.remove(f"{base}/d/a", recursive=True)
    assert file.list_directory(f"{base}/d") == ["e"]
    file.remove(f"{base}/d/e/", recursive=True)
    assert file.list_directory(f"{base}/d") == []
    file.remove(f"{base}/d", recursive=True)
    assert not file.exists(f"{base}/d")


def test_what_is_missing(base: str, tmp_path: Path) -> None:
    """Reading, stat and copies of what is not there raise MoXing's own exception."""
    path = f"{base}/no"
    for call in (
        lambda: file.stat(path),
        lambda: file.read(path),
        lambda: file.get_size(path),
        lambda: file.list_directory(path),
        lambda: file.copy(path, str(tmp_path / "x")),
        lambda: file.copy_parallel(path, str(tmp_path / "x")),
        lambda: file.rename(path, str(tmp_path / "x")),
        lambda: file.File(path),
    ):
        with pytest.raises(MISSING):
            call()
    assert list(file.walk(path)) == []


def _from_a_child(base: str) -> None:
    file.write(f"{base}/child", ",".join(file.list_directory(base)))


def test_processes_of_a_script_copy_too(base: str) -> None:
    """A process that was forked after a store was used uses it as well."""
    file.write(f"{base}/parent", "1")
    child = multiprocessing.get_context("fork").Process(target=_from_a_child, args=(base,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert file.read(f"{base}/child") == "parent"


def test_threads_of_a_script_copy_at_the_same_time(base: str) -> None:
    """Each thread has its answer."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: file.write(f"{base}/{number}", str(number)), range(12)))
        read = list(pool.map(lambda number: file.read(f"{base}/{number}"), range(12)))
    assert read == [str(number) for number in range(12)]


def test_a_file_that_is_written_meanwhile_is_copied_whole(tmp_path: Path, base: str) -> None:
    """A file that is being written aside is left out; others are whole."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "done").write_text("1")
    (folder / ".net.caffemodel.1_closed").touch()  # to be renamed in a moment
    with (folder / ".net.log.ab12cd34").open("w") as half:
        half.write("half")
        half.flush()
        file.copy_parallel(str(folder), f"{base}/1")
    assert file.list_directory(f"{base}/1") == ["done"]


def test_run_says_what_it_is() -> None:
    """`mox.run` is one clear error."""
    with pytest.raises(NotImplementedError, match="TensorFlow"):
        mox.run(batch_size=1)
    assert not issubclass(NotImplementedError, CaffeMnistError)
