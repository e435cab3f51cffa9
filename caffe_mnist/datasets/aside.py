"""A folder written aside: a hidden neighbour of its target, until it takes the target's name.

It is called `.NAME.RANDOM.aside` and locked while its writer lives. So what a killed writer left
behind is known as such, and the next one for the same NAME removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from caffe_mnist.errors import CaffeMnistError


class Aside:
    """A new, empty folder beside `target`: `publish` renames it, `discard` removes it.

    Only flat folders are removed: neither this one nor a target that is replaced may hold
    folders. Raises OSError where the neighbourhood cannot be written.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        parent, name = os.path.split(target)
        clear(target)
        while True:
            self.path = os.path.join(parent, f".{name[:200]}.{os.urandom(4).hex()}.aside")
            os.mkdir(self.path)
            self._lock = os.open(self.path, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            if os.fstat(self._lock).st_nlink:
                return
            os.close(self._lock)  # another writer took it for a leftover, before the lock

    def publish(self, *, replace: bool) -> None:
        """Give the folder its target's name, at once; what was there is then gone."""
        if replace and os.path.lexists(self.target):
            _exchange(self.path, self.target)
        else:
            os.rename(self.path, self.target)
        sync(os.path.dirname(self.target))

    def discard(self) -> None:
        """Remove what is left aside; call it in any case, also after `publish`."""
        _remove(self.path)
        os.close(self._lock)


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a small file that is never seen half written; raises CaffeMnistError if that fails.

    As `files.replacing`, without its libraries: `convert` is done before those are loaded.
    """
    folder, name = os.path.split(os.path.realpath(path))
    aside = os.path.join(folder, f".{name[:200]}.{os.urandom(4).hex()}.aside")
    try:
        with open(aside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        sync(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=path) from None


def sync(folder: str) -> None:
    """Bring the names in `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear(target: str) -> None:
    """Remove what killed writers of `target` left, or bring back what one had moved away."""
    parent, name = os.path.split(target)
    start = f".{name[:200]}."
    names = []
    with contextlib.suppress(OSError):
        names = os.listdir(parent)
    for found in names:
        random, _, kind = found[len(start) :].partition(".")
        if not found.startswith(start) or len(random) != 8 or kind not in ("aside", "old"):
            continue
        path = os.path.join(parent, found)
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if kind == "old" and not os.path.lexists(target):
                    os.rename(path, target)
                else:
                    _remove(path)
            finally:
                os.close(lock)


def exchange(one: str, other: str) -> bool:
    """Let two paths change names at once; False where the system cannot."""
    import ctypes

    call = getattr(ctypes.CDLL(None), "renameat2", None)
    here, flag = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if call is None:
        return False
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), flag) == 0)


def _exchange(aside: str, path: str) -> None:
    """Let the folders change names, at once where the system can, else one after the other."""
    if exchange(aside, path):
        return
    old = aside[: -len("aside")] + "old"
    os.rename(path, old)
    try:
        os.rename(aside, path)
    except BaseException:
        os.rename(old, path)
        raise
    _remove(old)


def _remove(folder: str) -> None:
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


@contextlib.contextmanager
def folder(path: str) -> Iterator[None]:
    """The folder `path` for files to come; if they fail, it is removed where it was new.

    Raises CaffeMnistError when it cannot be made.
    """
    new = []
    above = os.path.realpath(path)
    while not os.path.lexists(above):
        new.append(above)
        above = os.path.dirname(above)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=path) from None
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else put something there meanwhile
            for made in new:
                os.rmdir(made)
        raise
