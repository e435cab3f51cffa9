"""Files and folders made, read, written, copied, renamed and removed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from caffe_mnist.moxing.address import Where, where
from caffe_mnist.moxing.envoy import work
from caffe_mnist.moxing.exceptions import MoxFileNotExistsException
from caffe_mnist.moxing.looking import is_directory, look


def make_dirs(url: Any) -> None:
    """A folder with those above it; it is no error if it is there."""
    at = where(url)
    if not at.in_store and look(at).kind == "file":
        raise FileExistsError(f"{at.given}: is a file")
    work(at.remote, "objects", "make", at.place)


def mk_dir(url: Any) -> None:
    """A folder in one that is there. Raises OSError if that is missing."""
    at = where(url)
    if not at.in_store:
        os.mkdir(at.place)
        return
    above = at.given.rstrip("/").rpartition("/")[0]
    if above.rpartition("/")[0] != f"{at.given.partition('://')[0]}:/" and not is_directory(above):
        raise FileNotFoundError(f"{at.given}: there is no folder {above}")
    work(at.remote, "objects", "make", at.place)


def read(url: Any, client_id: Any = None, binary: bool = False, exist_check: bool = True) -> Any:
    """The whole content: text (UTF-8), or bytes if `binary`. Raises MoxFileNotExistsException."""
    at = where(url)
    try:
        content: bytes = work(at.remote, "objects", "read", at.place)
    except FileNotFoundError:
        raise MoxFileNotExistsException(f"{at.given}: there is no such file") from None
    return content if binary else content.decode()


def write(url: Any, data: Any, binary: bool = False) -> None:
    """Replace the content of a file, or make one."""
    at = where(url)
    if at.in_store:
        work(at.remote, "objects", "write", at.place, _bytes(data))
        return
    with open(at.place, "wb") as file:
        file.write(_bytes(data))


def append(url: Any, data: Any, binary: bool = False) -> None:
    """Add at the end of a file, or make one. (In a store the whole object is written anew.)"""
    at = where(url)
    if at.in_store:
        before = read(url, binary=True) if look(at).kind == "file" else b""
        work(at.remote, "objects", "write", at.place, before + _bytes(data))
        return
    with open(at.place, "ab") as file:
        file.write(_bytes(data))


def append_remote(src_url: Any, dst_url: Any, client_id: Any = None) -> None:
    """Add the content of one file of a store at the end of another."""
    source, target = where(src_url), where(dst_url)
    work(source.remote or target.remote, "objects", "join_files", target.place, source.place)


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def copy(src_url: Any, dst_url: Any, client_id: Any = None) -> None:
    """One file, from anywhere to anywhere. Raises MoxFileNotExistsException."""
    source, target = where(src_url), where(dst_url)
    work(source.remote or target.remote, "copying", "copy_file", source.place, target.place)


def copy_parallel(
    src_url: Any,
    dst_url: Any,
    file_list: Sequence[str] | None = None,
    threads: int = 16,
    is_processing: bool = True,
    use_queue: bool = True,
) -> None:
    """The content of a folder into another, many files at once.

    `file_list`: only these, by their paths from `src_url`. Threads do it in any case. Raises
    MoxFileNotExistsException, MoxFileNameDuplicateException.
    """
    source, target = where(src_url), where(dst_url)
    names = None if file_list is None else list(file_list)
    remote = source.remote or target.remote
    work(remote, "copying", "copy_tree", source.place, target.place, names, threads)


def rename(src_url: Any, dst_url: Any) -> None:
    """A file or a folder gets another name, or moves between this machine and a store."""
    source, target = where(src_url), where(dst_url)
    found = look(source)
    if not found.kind:
        raise MoxFileNotExistsException(f"{source.given}: there is no such file or folder")
    if not source.in_store and not target.in_store:
        os.rename(source.place, target.place)
        return
    if _plain(source) == _plain(target):
        return
    if found.kind == "file":
        copy(src_url, dst_url)
        work(source.remote, "objects", "drop", source.place)
    else:
        if _plain(target).startswith(f"{_plain(source)}/"):
            raise OSError(f"{target.given}: is in the folder that is to be renamed")
        copy_parallel(src_url, dst_url)
        work(source.remote, "objects", "drop_tree", source.place)


def _plain(at: Where) -> str:
    return at.place.rstrip("/")


def remove(url: Any, recursive: bool = False) -> None:
    """A file; or, with `recursive`, a folder and all in it.

    As the platform has it, nothing happens for a folder without `recursive`, and for a file
    that is written with a slash at its end. Of what is not there, a store says nothing; a local
    path raises MoxFileNotExistsException.
    """
    at = where(url)
    bare = Where(at.given.rstrip("/"), _plain(at) or "/", at.in_store, at.remote)
    if look(at).kind == "file":
        work(at.remote, "objects", "drop", at.place)
    elif is_directory(url):
        if recursive:
            work(at.remote, "objects", "drop_tree", bare.place)
    elif not at.in_store and not look(bare).kind:
        raise MoxFileNotExistsException(f"{at.given}: there is no such file or folder")
