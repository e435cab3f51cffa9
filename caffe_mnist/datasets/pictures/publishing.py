"""A finished dataset takes its place: all of its files at once, and none that is not ours goes."""

from __future__ import annotations

import contextlib
import os

from caffe_mnist.datasets.aside import exchange, sync
from caffe_mnist.datasets.index import read_index
from caffe_mnist.datasets.pictures.moves import move_in
from caffe_mnist.datasets.pictures.own_files import OURS, SIGNS
from caffe_mnist.datasets.pictures.skipped import read_skipped
from caffe_mnist.datasets.pictures.staging import failures
from caffe_mnist.datasets.writer import FILES
from caffe_mnist.errors import CaffeMnistError

# Of all shards the same.
SHARED = {"labels.txt"}


def check_target(out: str, *, part: str = "", overwrite: bool = False) -> None:
    """Raise CaffeMnistError unless a dataset (or the shard `part` of one) may be put into `out`.

    What is in its way may only be replaced with `overwrite`, and only if it was made here.
    """
    if not os.path.lexists(out):
        return
    if not os.path.isdir(out):
        raise CaffeMnistError("is there and is no folder", where=out)
    there = _in_the_way(out, part)
    if not there or _only_skips(out, there):
        return
    names = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
    if not overwrite:
        hint = "--overwrite replaces a dataset that was made here"
        raise CaffeMnistError(f"holds {names} already", where=out, hint=hint)
    foreign = [name for name in there if not _may_go(os.path.join(out, name))]
    if foreign or not _made_here(out):
        what = f"holds {foreign[0] if foreign else names}, which was not made here: not replaced"
        raise CaffeMnistError(what, where=out)


def publish(staged: str, out: str, *, part: str = "") -> None:
    """Bring all files of the folder `staged` into `out`; raises CaffeMnistError if that fails.

    At once where `out` is new, empty or holds a dataset and nothing else; otherwise one by one,
    and back again if one fails. What was in the way is left in `staged`.
    """
    target = os.path.realpath(out)
    with failures(out):
        sync(staged)
        others = [name for name in _listed(target) if not OURS.fullmatch(name)]
        inside = os.path.realpath(staged).startswith(target + os.sep)
        if part or others or inside:
            _one_by_one(staged, target, part)
        elif not _listed(target):
            os.rename(staged, target)
        elif not exchange(staged, target):
            _one_by_one(staged, target, part)
        sync(target)
        sync(os.path.dirname(target))


def _one_by_one(staged: str, target: str, part: str) -> None:
    new = sorted((name for name in os.listdir(staged) if name != "old"), key=_signs_last)
    if part:
        for name in SHARED.intersection(new):
            os.makedirs(target, exist_ok=True)
            os.replace(os.path.join(staged, name), os.path.join(target, name))
            new.remove(name)
    move_in(staged, target, new, _in_the_way(target, part))


def _in_the_way(out: str, part: str) -> list[str]:
    """Of a whole dataset every file of one is in the way, of a shard its own files."""
    names = [name for name in _listed(out) if OURS.fullmatch(name)]
    if part:
        return [name for name in names if part in name]
    return names


def _only_skips(out: str, names: list[str]) -> bool:
    """Whether there is no more than what a run left that could not read one picture."""
    return all(read_skipped(os.path.join(out, name)) is not None for name in names)


def _signs_last(name: str) -> tuple[bool, str]:
    return SIGNS.fullmatch(name) is not None, name


def _may_go(path: str) -> bool:
    """Files may, and databases; a folder with anything else in it may not."""
    if os.path.islink(path):
        return False
    return os.path.isfile(path) or FILES.issuperset(os.listdir(path))


def _made_here(out: str) -> bool:
    """Whether an index among the files says so."""
    for name in _listed(out):
        if SIGNS.fullmatch(name):
            with contextlib.suppress(CaffeMnistError):
                read_index(os.path.join(out, name))
                return True
    return False


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
