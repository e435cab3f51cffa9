"""The files below a folder of pictures, by kind, in an order that no file system decides."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from caffe_mnist.datasets.pictures.own_files import own
from caffe_mnist.errors import CaffeMnistError

PICTURES = {
    "bmp", "dib", "gif", "jfif", "jp2", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm",
    "tif", "tiff", "webp",
}  # fmt: skip
TEXTS = {"txt", "lst", "list"}
TABLES = {"csv", "tsv"}
# What systems and viewers put into folders; names that begin with a dot are passed over too.
# And the receipts of our own commands.
LITTER = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "dataset.json"}


@dataclass
class Tree:
    """Names relative to `root`, which ends with "/"; each list is sorted, folder by folder."""

    root: str
    pictures: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def scan(folder: str) -> Tree:
    """Everything below `folder` but for datasets that were made there; links are followed, loops
    are not.

    Raises CaffeMnistError for a folder that cannot be read.
    """
    tree = Tree(folder.rstrip("/") + "/")
    seen = set()

    def refuse(error: OSError) -> None:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=error.filename)

    for path, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        ours = own([*folders, *names])
        folders[:] = sorted(name for name in folders if not _is_litter(name) and name not in ours)
        below = "" if path == folder else os.path.relpath(path, folder) + "/"
        for name in names:
            if not _is_litter(name) and name not in ours:
                _of_kind(tree, name).append(below + name)
    for kind in (tree.pictures, tree.texts, tree.tables, tree.others):
        kind.sort(key=lambda name: name.split("/"))
    return tree


def is_picture(name: str) -> bool:
    """Whether a file's name ends as pictures' do."""
    return _ending(name) in PICTURES


def _of_kind(tree: Tree, name: str) -> list[str]:
    ending = _ending(name)
    if ending in PICTURES:
        return tree.pictures
    if ending in TEXTS:
        return tree.texts
    return tree.tables if ending in TABLES else tree.others


def _ending(name: str) -> str:
    return os.path.splitext(name)[1][1:].lower()


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER
