"""Whether the records that are added to a database are made as those that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.datasets.index import RecordSet
from caffe_mnist.datasets.pictures.listing import Written
from caffe_mnist.errors import CaffeMnistError

# Options that make records what they are, by their names in a receipt, as they are given.
OPTIONS = {
    "height": "-resize_height={}",
    "width": "-resize_width={}",
    "gray": "-gray",
    "encoded": "-encoded",
    "encode_type": "-encode_type={}",
    "labels": "--labels {}",
    "vector": "labels of {} numbers",
}


def check_options(old: RecordSet, arguments: Mapping[str, object], where: str) -> None:
    """Raise CaffeMnistError for other options than those that a receipt tells of.

    Of a database that was made of no list (IDX files, real Caffe's) the last addition tells.
    """
    before: Mapping[str, object] = old.arguments
    if "list" not in before:
        before = (old.arguments.get("appended") or [arguments])[-1]
    names = [name for name in OPTIONS if arguments.get(name) != before.get(name)]
    if names:
        was, now = (_in_words(names, one) for one in (before, arguments))
        hint = "give the options of before, or make another database"
        raise CaffeMnistError(f"was made {was}, and now is to grow {now}", where=where, hint=hint)


def check_shape(old: RecordSet, made: Written, resized: bool, where: str) -> None:
    """Raise CaffeMnistError for records of another shape, as far as both have one.

    Without a receipt a look at the first and the last record has to do: other sizes are then a
    fault only of pictures that were `resized`, other channels always.
    """
    shape = old.shape if old.shards else _shape_of(where)
    if made.shape is None or shape is None or made.shape == shape:
        return
    if not (old.shards or resized) and made.channels == shape[0]:
        return
    there, here = (" x ".join(map(str, shape)) for shape in (shape, made.shape))
    hint = "-resize_height, -resize_width and -gray make them alike"
    what = f"its records are {there}, and the new ones would be {here}"
    raise CaffeMnistError(what, where=where, hint=hint)


def _shape_of(path: str) -> tuple[int, int, int] | None:
    """C × H × W of the first record of a database, if the last has the same; else None."""
    shapes = set()
    with Database(path) as database:
        for start in (0, len(database) - 1):
            key, value = next(iter(database.records(start)))
            image = decode(value, key, path)
            shapes.add(image[:3] if isinstance(image, Image) else None)
    return shapes.pop() if len(shapes) == 1 else None


def _in_words(names: Sequence[str], arguments: Mapping[str, object]) -> str:
    """Options as they are given: `with -resize_height=20, without -gray`."""
    given = [(OPTIONS[name], arguments.get(name)) for name in names]
    have = [form.format(value) for form, value in given if value]
    lack = [form.partition("{")[0].rstrip("= ") for form, value in given if not value]
    lack = [form for form in lack if form != "labels of"]  # --labels says it
    parts = (("with", have), ("without", lack))
    return ", ".join(f"{word} {' '.join(forms)}" for word, forms in parts if forms)
