"""MNIST: its four IDX files and the two databases that Caffe's LeNet example reads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from caffe_mnist.datasets.aside import folder
from caffe_mnist.datasets.conversion import Progress, fill
from caffe_mnist.datasets.index import NAME
from caffe_mnist.datasets.labelled import LabelledImages
from caffe_mnist.datasets.receipt import check_receipt, remove_receipt, write_receipt
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

# Every name under which a store or a mirror may hold the files.
ALL_NAMES = (*NAMES, *(name + ".gz" for name in NAMES))

TRAIN_DATABASE = "mnist_train_lmdb"
TEST_DATABASE = "mnist_test_lmdb"


class MnistFiles(NamedTuple):
    """The paths of the four files."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str


def find(source: str | os.PathLike[str]) -> MnistFiles:
    """The four files in `source`, each plain or, failing that, as `.gz`.

    Raises CaffeMnistError, naming all that are missing.
    """
    path = os.fspath(source)
    try:
        there = set(os.listdir(path))
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    missing = [name for name in NAMES if not there & {name, name + ".gz"}]
    if missing:
        raise CaffeMnistError(
            f"missing {', '.join(missing)} (plain or .gz)",
            where=path,
            hint="a folder holding the four files of MNIST is expected",
        )
    names = (name if name in there else name + ".gz" for name in NAMES)
    return MnistFiles(*(os.path.join(path, name) for name in names))


def convert(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    shuffle: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """Make both databases in the folder `out` from the files in `source`; their paths.

    `limit` holds for each of the two. Neither gets its name before both are complete: raises
    CaffeMnistError as `conversion.convert`, and then nothing is left behind. The receipt of both
    (`dataset.json`) names the options, or `arguments` instead.
    """
    files = find(source)
    out = os.fspath(out)
    receipt = os.path.join(out, NAME)
    check_receipt(receipt, [TRAIN_DATABASE, TEST_DATABASE])
    train, test = os.path.join(out, TRAIN_DATABASE), os.path.join(out, TEST_DATABASE)
    with contextlib.ExitStack() as stack:
        train_source = stack.enter_context(LabelledImages(files.train_images, files.train_labels))
        test_source = stack.enter_context(LabelledImages(files.test_images, files.test_labels))
        stack.enter_context(folder(out))
        train_writer = stack.enter_context(DatabaseWriter(train, overwrite=overwrite))
        test_writer = stack.enter_context(DatabaseWriter(test, overwrite=overwrite))
        how: dict[str, Any] = {"shuffle": shuffle, "limit": limit, "progress": progress}
        made = {
            "train": fill(train_writer, train_source, **how),
            "test": fill(test_writer, test_source, **how),
        }
        remove_receipt(receipt)
    if arguments is not None:
        made = {name: one._replace(arguments=arguments) for name, one in made.items()}
    write_receipt(receipt, made)
    return train, test
