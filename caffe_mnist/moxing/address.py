"""What a script's path means: a file of this machine, or a place in a store.

`$CAFFE_MNIST_STORE` (`python -m caffe_mnist.job --store URL` sets it) moves the script's stores:
`s3://bucket/key` and `obs://bucket/key` are then `URL/bucket/key`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.moxing.exceptions import failure
from caffe_mnist.storage.urls import is_local, join, parse

STORE = "CAFFE_MNIST_STORE"
MOVED = ("s3", "obs")
KINDS = ("s3", "obs", "gs", "az")


@dataclass(frozen=True)
class Where:
    """A path as the script gave it, and the place it stands for; `in_store` as the script sees it.

    A store that was moved to a folder is `in_store` and not `remote`.
    """

    given: str
    place: str
    in_store: bool
    remote: bool

    @property
    def as_folder(self) -> bool:
        """Whether it was written with a slash at its end."""
        return self.given.endswith("/")


def in_store(path: object) -> bool:
    """Whether a path is a URL of a store."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    text = os.fspath(path)
    return isinstance(text, str) and bool(re.match(rf"(?:{'|'.join(KINDS)})://", text, re.I))


def where(path: object) -> Where:
    """The place of a path. Raises MoxFileRespException for a URL that can be none."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"a path or URL is needed, not {type(path).__name__}")
    text = str(os.fspath(path))
    if not in_store(text):
        local = parse(text).path if text.lower().startswith("file://") else text
        return Where(text, local, in_store=False, remote=False)
    try:
        found, moved = parse(text), os.environ.get(STORE)
        if not moved or found.scheme not in MOVED:
            return Where(text, text, in_store=True, remote=True)
        if found.bucket in (".", ".."):
            raise CaffeMnistError(f"{found.bucket!r} can be no bucket", where=text)
        place = join(moved, found.bucket, *filter(None, [found.path]))
        remote = not is_local(place)
    except CaffeMnistError as error:
        raise failure(str(error), missing=False) from None
    place = place if remote else parse(place).path
    return Where(text, place + "/" * text.endswith("/"), in_store=True, remote=remote)


def below(folder: str, name: str) -> str:
    """`name` in the folder, as the script writes paths."""
    return f"{folder}{name}" if folder.endswith("/") else f"{folder}/{name}"
