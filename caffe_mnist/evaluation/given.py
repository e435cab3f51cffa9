"""Pictures as a command is given them: files, folders, and the URLs of either."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from caffe_mnist.datasets.picture import LARGEST_FILE, PictureError, check_pictures
from caffe_mnist.datasets.pictures.tree import is_picture, scan
from caffe_mnist.errors import CaffeMnistError, ManyFaultsError
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.urls import is_local, join, parse


def expanded(images: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """The pictures that are meant, folders as the pictures below them; and those of folders.

    A URL with a slash at its end is a folder of a store. Raises CaffeMnistError for a folder
    without pictures.
    """
    result: list[str] = []
    inside: set[str] = set()
    for image in images:
        path = parse(image).path if "://" in image and is_local(image) else image
        if "://" in path:
            if not path.endswith("/"):
                result.append(image)
                continue
            names = sorted(entry.name for entry in open_store(path).list())
            below = [join(path, name) for name in names if is_picture(name)]
        elif os.path.isdir(path):
            below = [os.path.join(path, name) for name in scan(path).pictures]
        else:
            result.append(image)
            continue
        if not below:
            raise CaffeMnistError("holds no pictures", where=image)
        result += below
        inside.update(below)
    return result, frozenset(inside)


@contextlib.contextmanager
def as_files(images: Sequence[str], look: bool) -> Iterator[list[str]]:
    """The pictures as files of this machine, looked at before; those of a store are fetched."""
    paths = [parse(one).path if "://" in one and is_local(one) else one for one in images]
    if look:
        check_pictures([path for path in paths if "://" not in path])
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        for index, url in enumerate(paths):
            if "://" in url:
                paths[index] = _fetched(url, Path(folder, str(index)))
        try:
            if look:
                check_pictures([path for path in paths if path.startswith(folder)])
            yield paths
        except (ManyFaultsError, PictureError) as error:
            faults = error.faults
            for path, image in zip(paths, images):
                faults = [fault.replace(path, image) for fault in faults]
            raise ManyFaultsError(faults) from None


def _fetched(url: str, folder: Path) -> str:
    """A picture of a store in `folder`, under its own name."""
    above, _, name = url.rstrip("/").rpartition("/")
    size = open_store(above).size(name)
    if size is None:
        raise CaffeMnistError("there is no such picture", where=url)
    if size > LARGEST_FILE:
        raise CaffeMnistError(f"{size} bytes are too many for a picture", where=url)
    folder.mkdir()
    path = folder / name
    path.write_bytes(open_store(above).read(name, LARGEST_FILE))
    return str(path)
