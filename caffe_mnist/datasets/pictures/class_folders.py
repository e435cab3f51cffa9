"""One folder per class: the topmost folder that a picture lies in is its class."""

from __future__ import annotations

from caffe_mnist.datasets.pictures.class_names import class_name, ordered
from caffe_mnist.datasets.pictures.listing import Entry, Found, Listing, Skipped
from caffe_mnist.datasets.pictures.tree import Tree
from caffe_mnist.errors import CaffeMnistError

# Folders of these names are halves of a set that somebody split already.
HALVES = {"train", "training", "val", "valid", "validation", "eval", "test", "testing"}


def read_folders(tree: Tree) -> Found:
    """The pictures below class folders, class by class and sorted by name.

    A lone folder that only holds folders is entered. Pictures in no folder are left out with
    the reason. Raises CaffeMnistError for a set that is split already.
    """
    above = _lone_folder(tree.pictures)
    parts = {name: name[len(above) :].split("/") for name in tree.pictures}
    folders = sorted({found[0] for found in parts.values() if len(found) > 1})
    if folders and {name.lower() for name in folders} <= HALVES:
        raise CaffeMnistError(
            f"is split already into {', '.join(folders)}",
            where=tree.root + above,
            hint="convert these folders one by one",
        )
    left_out, names = [], {}
    for folder in folders:
        try:
            names[folder] = class_name(_printable(folder))
        except ValueError as error:
            raise CaffeMnistError(f"the folder {error}", where=tree.root + above + folder) from None
    known = ordered(names.values())
    numbers = {name: number for number, name in enumerate(known)}
    entries = []
    for name, found in parts.items():
        if len(found) == 1:
            left_out.append(Skipped(name, "lies in no class folder"))
        else:
            entries.append(Entry(name, numbers[names[found[0]]]))
    entries.sort(key=lambda entry: entry.label)  # numbers of two digits after those of one
    remarks = []
    if above:
        remarks.append(f"the class folders are those in {above.rstrip('/')}")
    if any(len(found) > 2 for found in parts.values()):
        remarks.append("class folders hold folders: the topmost names the class")
    return Found(
        Listing(tree.root, tuple(entries), known, "folders"), tuple(left_out), tuple(remarks)
    )


def _lone_folder(pictures: list[str]) -> str:
    """The folders, one in the other, that hold all pictures but none of their own."""
    above = ""
    while True:
        rest = [name[len(above) :].split("/") for name in pictures]
        if len({found[0] for found in rest}) != 1 or min(map(len, rest), default=0) < 3:
            return above
        above += rest[0][0] + "/"


def _printable(folder: str) -> str:
    """A folder's name whose bytes are no UTF-8 was made on a system that wrote GB 18030."""
    try:
        folder.encode()
    except UnicodeEncodeError:
        return folder.encode("utf-8", "surrogateescape").decode("gb18030", "replace")
    return folder
