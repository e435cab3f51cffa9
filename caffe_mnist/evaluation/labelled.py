"""Labelled pictures of any form: databases, datasets with an index, folders, lists, tables.

Records give their pixels as the training saw them; picture files are brought to the net's size
as `predict` does it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError

# Where a folder of several databases keeps what was not trained on; the first that is there.
HELD_BACK = ("mnist_test_lmdb", "test_lmdb", "val_lmdb")
LABELS = "labels.txt"


@dataclass(frozen=True)
class Labelled:
    """One picture: its name, its true label, and how to get at it.

    `pixels` gives C × H × W as bytes or floats; `file` is set where it is a picture file.
    """

    name: str
    label: int
    pixels: Callable[[], Any]
    file: str = ""


@dataclass(frozen=True)
class LabelledSet:
    """All pictures of a place, once. `classes` name the labels 0, 1, … (empty: nobody does)."""

    place: str
    count: int
    pictures: Iterator[Labelled]
    classes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@contextlib.contextmanager
def open_labelled(
    place: str, form: str | None, root: str | None, read: Callable[[str], Any], colour: bool | None
) -> Iterator[LabelledSet]:
    """The labelled pictures at `place`; `read` decodes a picture file.

    `colour` says what encoded records become: True colour, False gray, None as they are. Raises
    CaffeMnistError for what holds none.
    """
    source = _records_at(place) if form is None else None
    if source is None:
        yield _files(place, form, root, read)
        return
    from caffe_mnist.datasets.sources import open_finite

    _check_labels(source)
    records = open_finite(source)
    try:
        found = _from_records(records, source, colour)
        yield LabelledSet(source, len(records), found, _classes(source))
    finally:
        records.close()


def _records_at(place: str) -> str | None:
    """The databases that a place names, as a Data layer's source would; None for pictures."""
    path = place.partition("?")[0]
    if not os.path.exists(path):
        raise CaffeMnistError("there is no such file or folder", where=path)
    if os.path.isfile(path):
        return place if os.path.basename(path) == "dataset.json" else None
    from caffe_mnist.datasets.index import index_at, read_index

    index = index_at(path)
    if index is not None:
        sets = read_index(index).sets
        held = next((name for name in ("test", "val") if name in sets), None)
        return f"{place}?set={held}" if held and "?" not in place else place
    if any(os.path.exists(os.path.join(path, name)) for name in ("data.mdb", "CURRENT")):
        return place
    inside = (os.path.join(path, name) for name in HELD_BACK)
    return next((one for one in inside if os.path.isdir(one)), None)


def _check_labels(source: str) -> None:
    """Raise CaffeMnistError for pictures whose labels are more than one class.

    Their own records say class 0 of all of them.
    """
    from caffe_mnist.datasets.index import index_at, read_index
    from caffe_mnist.datasets.receipt import receipt_of

    path = os.path.normpath(source.partition("?")[0])
    places = (index_at(path), receipt_of(path), index_at(os.path.dirname(path) or "."))
    place = next((one for one in places if one is not None and os.path.isfile(one)), None)
    if place is None:
        return
    for one in read_index(place).sets.values():
        kind = one.arguments.get("labels")
        shards = {os.path.basename(shard.path) for shard in one.shards}
        if kind and (place == places[0] or os.path.basename(path) in shards):
            what = f"its labels are {one.arguments.get('vector')} numbers each (--labels {kind})"
            hint = "caffe test -model NET -weights FILE says the loss"
            raise CaffeMnistError(f"{what}, and classes are wanted", where=path, hint=hint)


def _from_records(records: Any, where: str, colour: bool | None) -> Iterator[Labelled]:
    import numpy as np

    from caffe_mnist.datasets.datum import Image, decode
    from caffe_mnist.engine.data.pictures import decode_picture

    for key, value in records.records():
        record = decode(value, key, where)
        name = bytes(key).decode("utf-8", "replace")
        if isinstance(record, Image):
            pixels: Any = np.frombuffer(record.pixels, np.uint8).copy()
            pixels = pixels.reshape(record.channels, record.height, record.width)
        elif record.encoded:
            pixels = decode_picture(record.data, colour, f"{where}: record {name}")
        else:
            pixels = np.array(record.float_data, np.float32)
            pixels = pixels.reshape(record.channels, record.height, record.width)
        yield Labelled(name, record.label, lambda pixels=pixels: pixels)  # type: ignore[misc]


def _files(
    place: str, form: str | None, root: str | None, read: Callable[[str], Any]
) -> LabelledSet:
    from caffe_mnist.datasets.pictures.sources import find

    found = find(place, form=form, root=root)
    listing = found.listing
    entries = [entry for entry in listing.entries if entry.name]

    def pictures() -> Iterator[Labelled]:
        for entry in entries:
            path = listing.path(entry)
            yield Labelled(entry.name, entry.label, lambda path=path: read(path), path)  # type: ignore[misc]

    left = tuple(f"{one.name}: {one.reason}" for one in found.left_out)
    classes = tuple(listing.classes)
    return LabelledSet(place, len(entries), pictures(), classes, (*found.remarks, *left))


def _classes(source: str) -> tuple[str, ...]:
    """The names beside the databases."""
    path = Path(source.partition("?")[0])
    folder = path if (path / LABELS).is_file() else path.parent
    try:
        lines: Sequence[str] = (folder / LABELS).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in lines if line.strip())
