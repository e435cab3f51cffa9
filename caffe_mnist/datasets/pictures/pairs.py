"""Pictures with a text each: `n.jpg`, and the name of its class in the first line of `n.txt`."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace

from caffe_mnist.datasets.pictures.class_names import class_name, decode_text, ordered
from caffe_mnist.datasets.pictures.listing import (
    CLASS,
    FLOAT,
    MULTI,
    Entry,
    Found,
    Listing,
    Skipped,
)
from caffe_mnist.datasets.pictures.tree import Tree
from caffe_mnist.datasets.pictures.vectors import Line, split_names, vector_lines

# A first line that is longer names no class.
MOST_BYTES = 4096
# Texts that lie beside pictures without being about one of them.
ABOUT = {"readme", "license", "licence", "labels", "classes", "requirements", "attribution"}


def paired(tree: Tree) -> set[str]:
    """The pictures that have a text."""
    stems = {_stem(name) for name in tree.texts}
    return {name for name in tree.pictures if _stem(name) in stems}


def read_pairs(tree: Tree, kind: str = CLASS) -> Found:
    """The pictures below a folder with the classes that their texts name, sorted by name.

    A picture without a text, a text without a picture and a text that names no class are left
    out with the reason. Texts may be UTF-8 (with or without a mark), UTF-16 or GB 18030.

    Labels of numbers are all that stand in a text; of several classes there is one on each line,
    or they stand on one with commas, semicolons, bars or blanks between them.
    """
    texts = {_stem(name): name for name in tree.texts}
    left_out, classes = [], {}
    for name in tree.pictures:
        text = texts.get(_stem(name))
        if text is None:
            wanted = os.path.basename(_stem(name)) + ".txt"
            left_out.append(Skipped(name, f"there is no {wanted} to name its class"))
            continue
        try:
            said = _text_in(tree.root + text)
            if kind != MULTI and not said.strip():
                raise ValueError("is empty")
            if kind == CLASS:
                said = class_name((said.splitlines() or [""])[0])
            classes[name] = said
        except OSError as error:
            left_out.append(Skipped(name, f"{text}: cannot read: {error.strerror}"))
        except ValueError as error:
            left_out.append(Skipped(name, f"{text}: {error}"))
    left_out += _without_picture(tree, texts)
    if kind != CLASS:
        words = _words(list(classes.values()), kind)
        lines = [Line(n, *one) for n, one in enumerate(zip(classes, words), 1)]
        found = vector_lines(lines, left_out, tree.root, "pairs", kind)
        listing = replace(found.listing, root=tree.root)
        return replace(found, listing=listing, remarks=(*found.remarks, *_remarks(tree)))
    known = ordered(classes.values())
    numbers = {name: number for number, name in enumerate(known)}
    entries = tuple(Entry(name, numbers[label]) for name, label in classes.items())
    listing = Listing(tree.root, entries, known, "pairs")
    return Found(listing, tuple(left_out), tuple(_remarks(tree)))


def _words(texts: list[str], kind: str) -> list[tuple[str, ...]]:
    """The numbers, or the names of classes, of texts that are read through."""
    if kind == FLOAT:
        return [tuple(word for word in re.split(r"[\s,;]+", text) if word) for text in texts]
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    if any(len(one) > 1 for one in lines):
        return [tuple(one) for one in lines]
    return split_names([" ".join(one) for one in lines])


def _text_in(path: str) -> str:
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES)
    if len(content) == MOST_BYTES:
        content = content.partition(b"\n")[0]
    try:
        return decode_text(content)
    except ValueError:
        raise ValueError("is no text") from None


def _without_picture(tree: Tree, texts: dict[str, str]) -> list[Skipped]:
    stems = {_stem(name) for name in tree.pictures}
    return [
        Skipped(text, "there is no picture of this name")
        for stem, text in texts.items()
        if stem not in stems and stem.lower() not in ABOUT
    ]


def _remarks(tree: Tree) -> list[str]:
    counts = Counter(map(_stem, tree.pictures))
    shared = [stem for stem, count in counts.items() if count > 1]
    if not shared:
        return []
    return [f"{len(shared)} texts are shared by several pictures, the first is {shared[0]}.txt"]


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]
