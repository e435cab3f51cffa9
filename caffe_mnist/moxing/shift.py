"""`shift('os', 'mox')`: Python's own functions take URLs of stores from then on.

Paths of this machine go to the original functions, with all their arguments.
"""

from __future__ import annotations

import builtins
import functools
import glob as globs
import os
import shutil
from collections.abc import Callable
from typing import Any

from caffe_mnist.moxing import changing, looking
from caffe_mnist.moxing.address import in_store
from caffe_mnist.moxing.opened import File


def _open(name: Any, mode: str = "r", *_: Any, **more: Any) -> File:
    kept = {key: more[key] for key in ("encoding", "errors", "newline") if more.get(key)}
    return File(name, mode, **kept)


def _makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
    if not exist_ok and looking.exists(name):
        raise FileExistsError(f"{name}: is there already")
    changing.make_dirs(name)


def _mkdir(path: Any, *_: Any, **__: Any) -> None:
    if looking.exists(path):
        raise FileExistsError(f"{path}: is there already")
    changing.mk_dir(path)


class _Scan:
    """What os.scandir gives: an iterator that is also a context."""

    def __init__(self, path: Any) -> None:
        self._entries = looking.scan_dir(path)

    def __iter__(self) -> _Scan:
        return self

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""


def _copyfile(src: Any, dst: Any, **_: Any) -> Any:
    changing.copy(src, dst)
    return dst


def _copytree(src: Any, dst: Any, *_: Any, **__: Any) -> Any:
    changing.copy_parallel(src, dst)
    return dst


def _rmtree(path: Any, *_: Any, **__: Any) -> None:
    changing.remove(path, recursive=True)


# Whose function, its name, what takes its place for URLs, how many paths it takes.
SHIFTED: list[tuple[Any, str, Callable[..., Any], int]] = [
    (builtins, "open", _open, 1),
    (os, "listdir", lambda path, *_: looking.list_directory(path), 1),
    (os, "makedirs", _makedirs, 1),
    (os, "mkdir", _mkdir, 1),
    (os, "remove", lambda path, **_: changing.remove(path), 1),
    (os, "rename", lambda src, dst, **_: changing.rename(src, dst), 2),
    (os, "stat", lambda path, **_: looking.stat(path), 1),
    (os, "walk", looking.walk, 1),
    (os, "scandir", _Scan, 1),
    (os.path, "exists", looking.exists, 1),
    (os.path, "isdir", looking.is_directory, 1),
    (os.path, "getsize", looking.get_size, 1),
    (globs, "glob", lambda pattern, **_: looking.glob(pattern), 1),
    (shutil, "copyfile", _copyfile, 2),
    (shutil, "copytree", _copytree, 2),
    (shutil, "rmtree", _rmtree, 1),
]
_originals: dict[tuple[int, str], Any] = {}


def shift(source: str, target: str) -> None:
    """`shift('os', 'mox')` brings it about, `shift('mox', 'os')` puts everything back.

    Raises ValueError for other words.
    """
    if {source, target} != {"os", "mox"}:
        raise ValueError(f"shift({source!r}, {target!r}): 'os' and 'mox' are known")
    if target == "mox":
        for module, name, shifted, paths in SHIFTED:
            if (id(module), name) not in _originals:
                original = getattr(module, name)
                _originals[id(module), name] = original
                setattr(module, name, _either(original, shifted, paths))
        return
    for module, name, _, _ in SHIFTED:
        if (id(module), name) in _originals:
            setattr(module, name, _originals.pop((id(module), name)))


def _either(original: Any, shifted: Callable[..., Any], paths: int) -> Callable[..., Any]:
    """The original for paths of this machine, `shifted` where one is a URL of a store."""

    def call(*words: Any, **more: Any) -> Any:
        given = [*words, *more.values()][:paths]
        return (shifted if any(map(in_store, given)) else original)(*words, **more)

    return functools.update_wrapper(call, original)
