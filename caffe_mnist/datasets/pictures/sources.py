"""Finding pictures and their classes: whatever form a source has, it becomes one listing."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice

from caffe_mnist.datasets.pictures.class_folders import read_folders
from caffe_mnist.datasets.pictures.class_names import lookalikes
from caffe_mnist.datasets.pictures.lines import decode_lines
from caffe_mnist.datasets.pictures.listing import CLASS, FORMS, Entry, Found, Labels
from caffe_mnist.datasets.pictures.lists import looks_like_list, read_list
from caffe_mnist.datasets.pictures.pairs import paired, read_pairs
from caffe_mnist.datasets.pictures.tables import looks_like_table, read_table
from caffe_mnist.datasets.pictures.tree import Tree, is_picture, scan
from caffe_mnist.datasets.pictures.vector_tables import read_vectors
from caffe_mnist.errors import CaffeMnistError

PLAIN = Labels()
KNOWN = (
    "pairs n.jpg + n.txt, one folder per class, a list file of PATH LABEL, or a CSV of path,label"
)
# So much of a file is looked at to tell its form, and so many of its names to find their folder.
HEAD, PROBES = 1 << 16, 100


def find(
    source: str, *, form: str | None = None, root: str | None = None, labels: Labels = PLAIN
) -> Found:
    """The pictures of `source`, a folder or a list file; the form is told unless it is given.

    `root` is the folder that a list's paths start from; without it that is the list's own
    folder, else the working folder. Raises CaffeMnistError for a source that is not there, holds
    no pictures, has no form that is known, or several at once.
    """
    if form is not None and form not in FORMS:
        raise CaffeMnistError(f"--form {form}: unknown", hint=f"known: {', '.join(FORMS)}")
    if os.path.isdir(source):
        found = _in_folder(source, form, root, labels)
    elif os.path.exists(source):
        found = _in_file(source, form, root, labels)
    else:
        raise CaffeMnistError("there is no such file or folder", where=source)
    if not any(entry.name for entry in found.listing.entries):
        raise CaffeMnistError(_nothing(found), where=source, hint=f"known are {KNOWN}")
    return replace(found, remarks=(*found.remarks, *lookalikes(found.listing.classes)))


def find_list(source: str, root: str, labels: Labels = PLAIN) -> Found:
    """The pictures of a list file as convert_imageset sees them: `root` goes before each path.

    A folder without its last slash gets it. Raises CaffeMnistError as `find`.
    """
    for place in (root, source):
        if "://" in place and not os.path.exists(place):
            hint = "storage cp brings it here, and convert images takes URLs"
            raise CaffeMnistError(
                "is a URL, and pictures on this machine are wanted", where=place, hint=hint
            )
    if not os.path.exists(source):
        raise CaffeMnistError("there is no such file", where=source)
    try:
        with open(source, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=source) from None
    if not content.strip():
        raise CaffeMnistError("is empty: no picture, no database", where=source)
    found = read_list(content, source, labels)
    if os.path.isdir(root):
        root = root.rstrip("/") + "/"
    return replace(found, listing=replace(found.listing, root=root))


def _in_folder(source: str, form: str | None, root: str | None, labels: Labels) -> Found:
    tree = scan(source)
    if form is None:
        form = _form(tree, source, labels)
    if form in ("list", "csv"):
        return _in_file(_list_file(tree, form, source, labels), form, root or source, labels)
    if root is not None:
        raise CaffeMnistError(f"--root is for lists, and {source} is in the form {form}")
    if not tree.pictures:
        raise CaffeMnistError(_no_pictures(tree), where=source, hint=f"known are {KNOWN}")
    if labels.columns:
        raise CaffeMnistError(f"--label-columns is for tables, and {source} is in the form {form}")
    if form == "folders" and labels.kind != CLASS:
        raise CaffeMnistError(
            f"--labels {labels.kind}: one folder per class says one class a picture",
            where=source,
            hint="give a list, a table or pairs n.jpg + n.txt",
        )
    found = read_pairs(tree, labels.kind) if form == "pairs" else read_folders(tree)
    if tree.others:
        more = f"passed over: {len(tree.others)} of other kinds, the first is {tree.others[0]}"
        found = replace(found, remarks=(*found.remarks, more))
    return found


def _form(tree: Tree, source: str, labels: Labels) -> str:
    """The one form that the files of a folder have."""
    with_text = paired(tree)
    lists = [name for form in ("list", "csv") for name in _list_files(tree, form, labels)]
    folders = {name.split("/")[0] for name in tree.pictures if "/" in name}
    bare = {name.split("/")[0] for name in tree.pictures if "/" in name and name not in with_text}
    bare -= {name.split("/")[0] for name in tree.texts}
    forms = []
    if with_text:
        forms.append(f"pairs ({min(with_text)})")
        if bare:
            forms.append(f"folders per class ({min(bare)})")
    if lists:
        forms.append(f"a list ({lists[0]})")
        if len(folders) > 1 and not with_text:
            forms.append(f"folders per class ({min(folders)})")
    if len(forms) > 1:
        raise CaffeMnistError(
            f"has several forms at once: {', '.join(forms)}",
            where=source,
            hint=f"choose with --form {'|'.join(FORMS)}",
        )
    if with_text:
        return "pairs"
    if lists:
        return "csv" if _file_form(tree.root + lists[0], labels) == "csv" else "list"
    if folders or not tree.pictures:
        return "folders"
    raise CaffeMnistError(
        f"holds {len(tree.pictures)} pictures, and nothing that says their classes",
        where=source,
        hint=f"known are {KNOWN}",
    )


def _list_file(tree: Tree, form: str, source: str, labels: Labels) -> str:
    names = _list_files(tree, form, labels)
    if len(names) != 1:
        there = ", ".join(names[:5]) or "none"
        raise CaffeMnistError(
            f"one {form} file is wanted in the folder, found: {there}",
            where=source,
            hint="give the file itself, and --root for the pictures' folder",
        )
    return tree.root + names[0]


def _list_files(tree: Tree, form: str, labels: Labels) -> list[str]:
    """The files directly in a folder that are lists, or tables, of pictures."""
    names = [*tree.texts, *tree.tables, *(name for name in tree.others if "." not in name)]
    flat = [name for name in names if "/" not in name]
    pictures = {os.path.splitext(name)[0] for name in tree.pictures}
    return [
        name
        for name in flat
        if os.path.splitext(name)[0] not in pictures
        and _file_form(tree.root + name, labels) == form
    ]


def _file_form(path: str, labels: Labels) -> str | None:
    """Whether a file is a list, a table ("csv") or neither."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    lines = list(islice((line for line in decode_lines(head) if line.strip()), 20))
    vectors = labels.kind != CLASS or bool(labels.columns)
    if looks_like_list(lines, vectors):
        return "list"
    return "csv" if looks_like_table(lines, vectors) else None


def _in_file(source: str, form: str | None, root: str | None, labels: Labels) -> Found:
    try:
        form = form or _file_form(source, labels)
        if form is None and source.lower().endswith((".csv", ".tsv")):
            form = "csv"
        with open(source, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=source) from None
    if not content.strip():
        raise CaffeMnistError("is empty: no picture, no database", where=source)
    if form is None:
        raise CaffeMnistError(_what(source), where=source, hint=f"known are {KNOWN}")
    if form not in ("list", "csv"):
        raise CaffeMnistError(f"is a file, and the form {form} needs a folder", where=source)
    read = read_list if form == "list" else read_table if labels.kind == CLASS else read_vectors
    found = read(content, source, labels)
    listing = replace(found.listing, root=_root(source, found.listing.entries, root))
    return replace(found, listing=listing)


def _root(source: str, entries: tuple[Entry, ...], root: str | None) -> str:
    """The folder, ending with "/" (or nothing), under which the first names are found."""
    names = [entry.name for entry in islice((e for e in entries if e.name), PROBES)]
    if not names:
        return ""
    if root is not None:
        candidates = [root.rstrip("/") + "/" if root else ""]
    elif all(os.path.isabs(name) for name in names):
        candidates = [""]
    else:
        folder = os.path.dirname(source)
        candidates = [folder.rstrip("/") + "/" if folder else "", ""]
    for candidate in candidates:
        if any(os.path.exists(candidate + name) for name in names):
            return candidate
    if any(os.path.exists(candidates[0] + entry.name) for entry in entries if entry.name):
        return candidates[0]
    raise CaffeMnistError(
        f"none of its {len(names) if len(names) < PROBES else len(entries)} pictures is there, "
        f"the first would be {candidates[0] + names[0]}",
        where=source,
        hint="--root names the folder that the paths start from",
    )


def _nothing(found: Found) -> str:
    reasons = [f"{one.name}: {one.reason}" for one in found.left_out[:1]]
    return "; ".join(["gives no picture with a class", *reasons])


def _no_pictures(tree: Tree) -> str:
    files = [*tree.texts, *tree.tables, *tree.others]
    if not files:
        return "is an empty folder"
    if any(os.path.basename(name) == "data.mdb" for name in files):
        return "holds no pictures but a database already"
    return f"holds no pictures, only {len(files)} other files, the first is {files[0]}"


def _what(source: str) -> str:
    if is_picture(source):
        return "is a picture, not a set of them"
    if source.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz")):
        return "is an archive: unpack it first"
    return "is neither a list of PATH LABEL nor a table"
