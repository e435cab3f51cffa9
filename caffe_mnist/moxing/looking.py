"""Looking at files and folders: `exists`, `stat`, `list_directory`, `glob`, `walk` and others."""

from __future__ import annotations

import fnmatch
import glob as local_glob
import os
import re
import stat as modes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from caffe_mnist.moxing.address import Where, below, where
from caffe_mnist.moxing.envoy import work
from caffe_mnist.moxing.exceptions import MoxFileNotExistsException
from caffe_mnist.moxing.objects import Look
from caffe_mnist.storage.entries import Entry

MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Stat:
    """`length` in bytes (0 for a folder), `mtime_nsec`, `is_directory`; and some of os.stat's."""

    length: int
    mtime_nsec: int
    is_directory: bool

    @property
    def st_size(self) -> int:
        """The same as `length`."""
        return self.length

    @property
    def st_mtime(self) -> float:
        """Seconds since the epoch."""
        return self.mtime_nsec / 1e9

    @property
    def st_mode(self) -> int:
        """A file or a folder that all may read and the owner may write."""
        return (modes.S_IFDIR | 0o755) if self.is_directory else (modes.S_IFREG | 0o644)


@dataclass(frozen=True)
class DirEntry:
    """What `scan_dir` finds, as os.scandir has it."""

    name: str
    path: str
    _stat: Stat

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return self._stat.is_directory

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return not self._stat.is_directory

    def is_symlink(self) -> bool:
        """Never, in a store."""
        return False

    def stat(self, *, follow_symlinks: bool = True) -> Stat:
        """Its size and time."""
        return self._stat


def look(at: Where) -> Look:
    """What is at a place."""
    found: Look = work(at.remote, "objects", "look", at.place)
    return found


def exists(url: Any) -> bool:
    """Whether there is a file or a folder."""
    return url != "" and bool(look(where(url)).kind)


def is_directory(url: Any) -> bool:
    """Whether there is a folder."""
    if url == "":
        return False
    at = where(url)
    # A name in a store may be an object and a folder.
    return look(at).kind == "folder" or (at.remote and look(_slashed(at)).kind == "folder")


def _slashed(at: Where) -> Where:
    return Where(f"{at.given}/", f"{at.place.rstrip('/')}/", at.in_store, at.remote)


def stat(url: Any) -> Stat:
    """Length, time and kind. Raises MoxFileNotExistsException."""
    at = where(url)
    return _stat(_found(at))


def _stat(found: Look) -> Stat:
    return Stat(found.size, int(found.modified * 1e9), found.kind == "folder")


def _found(at: Where) -> Look:
    found = look(at)
    if not found.kind:
        raise MoxFileNotExistsException(f"{at.given}: there is no such file or folder")
    return found


def get_size(url: Any, recursive: bool = False) -> int:
    """Bytes of a file; of a folder all that is in it: in a store only if `recursive`, else 0.

    Raises MoxFileNotExistsException.
    """
    at = where(url)
    found = _found(at)
    if found.kind == "file":
        return found.size
    if at.in_store and not recursive:
        return 0
    _, files = work(at.remote, "objects", "tree", at.place)
    return sum(entry.size for entry in files)


def list_directory(
    url: Any,
    recursive: bool = False,
    remove_sep: bool = True,
    skip_file: bool = False,
    skip_dir: bool = False,
) -> list[str]:
    """The names in a folder, or with `recursive` of everything below it, from there.

    With `remove_sep=False` names of folders end with a slash. Raises MoxFileNotExistsException
    where there is no folder.
    """
    at = where(url)
    if not is_directory(url):
        _found(at)
        raise NotADirectoryError(f"{at.given}: is no folder")
    folders, files = work(at.remote, "objects", "tree" if recursive else "level", at.place)
    names = [] if skip_dir else [name if remove_sep else f"{name}/" for name in folders]
    return sorted([*names, *([] if skip_file else [entry.name for entry in files])])


def scan_dir(url: Any) -> Iterator[Any]:
    """The entries of a folder, as os.scandir gives them."""
    at = where(url)
    if not at.in_store:
        with os.scandir(at.place) as found:
            yield from found
        return
    folders, files = _level(at)
    for name in folders:
        yield DirEntry(name, below(at.given, name), Stat(0, 0, True))
    for entry in files:
        about = Stat(entry.size, int(entry.modified * 1e9), False)
        yield DirEntry(entry.name, below(at.given, entry.name), about)


def _level(at: Where) -> tuple[list[str], list[Entry]]:
    if at.remote or is_directory(at.given):
        folders, files = work(at.remote, "objects", "level", at.place)
        return folders, files
    return [], []


def walk(
    url: Any,
    topdown: bool = True,
    onerror: Callable[[OSError], object] | None = None,
    followlinks: bool = False,
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Folder, its folders, its files, and so on below; the last three count for local paths."""
    at = where(url)
    if not at.in_store:
        yield from os.walk(at.place, topdown, onerror, followlinks)
        return
    folders, files = _level(at)
    if not folders and not files and not is_directory(url):
        return
    yield at.given, folders, [entry.name for entry in files]
    for name in folders:
        yield from walk(below(at.given, name))


def glob(url: Any) -> list[str]:
    """The paths that match a pattern, whole: absolute, or URLs as the pattern was one."""
    at = where(url)
    if not at.in_store:
        return sorted(local_glob.glob(os.path.abspath(at.place)))
    scheme, _, rest = at.given.partition("://")
    bucket, *parts = [part for part in rest.split("/") if part]
    found = [f"{scheme}://{bucket}"]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        found = [path for base in found for path in _matching(base, part, last)]
    if not MAGIC.search(parts[-1] if parts else ""):
        found = [path for path in found if exists(path)]
    return sorted(found)


def _matching(base: str, part: str, last: bool) -> list[str]:
    if not MAGIC.search(part):
        return [below(base, part)]
    folders, files = _level(where(base))
    names = [*folders, *([entry.name for entry in files] if last else [])]
    hidden = part.startswith(".")
    return [
        below(base, name)
        for name in sorted(set(names))
        if fnmatch.fnmatchcase(name, part) and (hidden or not name.startswith("."))
    ]
