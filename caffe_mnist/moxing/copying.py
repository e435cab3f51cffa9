"""One file or the content of a folder from place to place; each file whole or not at all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import aside_of, open_for_writing
from caffe_mnist.moxing.objects import look, make, tree
from caffe_mnist.storage.copies import check_name
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.places import parent
from caffe_mnist.storage.store import MissingError, StoreError
from caffe_mnist.storage.transfers import Side, transfer
from caffe_mnist.storage.urls import is_local, join

# A file that changes while it is copied is copied again, so often, after so many seconds.
AGAIN = 20
PAUSE = 0.5
# Snapshots lie aside also while nobody writes: when they are synced, before they are renamed.
SNAPSHOT = re.compile(r"\.(?:caffemodel|solverstate)(?:\.h5)?$")


class DuplicateError(CaffeMnistError):
    """A file and a folder of one name."""


def copy_file(source: str, target: str) -> None:
    """One file; into `target` if that is a folder or ends with a slash."""
    folder, name = parent(source)
    found = look(source)
    if found.kind != "file":
        what = "is a folder" if found.kind else "there is no such file"
        raise (StoreError if found.kind else MissingError)(what, where=source)
    if target.endswith("/") or look(target).kind == "folder":
        target = join(target, name)
    into, as_name = parent(target)
    _move(Side(folder), Entry(name, found.size, found.modified), Side(into), as_name)


def copy_tree(source: str, target: str, names: Sequence[str] | None, threads: int) -> None:
    """The content of a folder, or the files of these names below it.

    Names of files that appear or vanish while it is copied do no harm. Raises DuplicateError
    where a file and a folder of one name would have to lie side by side on a disk.
    """
    if look(source if source.endswith("/") else f"{source}/").kind != "folder":
        what = "is no folder" if look(source).kind else "there is no such folder"
        raise (StoreError if look(source).kind else MissingError)(what, where=source)
    folders, files = tree(source)
    if names is not None:
        folders, wanted = [], {name.strip("/") for name in names}
        lacking = sorted(wanted - {entry.name for entry in files})
        if lacking:
            raise MissingError("there is no such file", where=join(source, lacking[0]))
        files = [entry for entry in files if entry.name in wanted]
    for entry in files:
        check_name(entry.name, source)
    if is_local(target):
        _check_names(target, folders, files)
    holding = {above for entry in files for above in _folders_of(entry.name)}
    if is_local(target) or not files:
        make(target)
    for name in folders:
        if name not in holding:
            make(join(target, name))
    start, end = Side(source), Side(target)
    with ThreadPoolExecutor(max(1, min(threads, 16))) as pool:
        for _ in pool.map(lambda entry: _move(start, entry, end, entry.name), files):
            pass


def _folders_of(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _check_names(target: str, folders: Sequence[str], files: Sequence[Entry]) -> None:
    taken = {above for entry in files for above in _folders_of(entry.name)}.union(folders)
    for entry in files:
        if entry.name in taken or os.path.isdir(os.path.join(target, entry.name)):
            what = "a file and a folder have this name"
            raise DuplicateError(what, where=join(target, entry.name))


def _move(source: Side, entry: Entry, target: Side, name: str) -> None:
    for left in reversed(range(AGAIN)):
        path = None if source.folder is None else Path(source.folder / entry.name)
        if path is not None:
            aside = aside_of(path.name)
            if aside and (SNAPSHOT.search(aside) or open_for_writing(path)):
                return
            try:
                status = path.stat()
            except FileNotFoundError:
                return
            entry = Entry(entry.name, status.st_size, status.st_mtime)
        try:
            transfer(source, entry, target, name, lambda count: None)
            return
        except CaffeMnistError as error:
            if path is not None and not path.exists():
                return
            changed = "changed while" in error.what or "bytes instead of" in error.what
            if path is None or not changed or not left:
                raise
            time.sleep(PAUSE)


def put_file(path: str, target: str) -> None:
    """A local file to a file of exactly this name, whatever its own name."""
    into, name = parent(target)
    status = os.stat(path)
    side = Side(str(Path(path).parent))
    transfer(side, Entry(Path(path).name, status.st_size), Side(into), name, lambda count: None)
