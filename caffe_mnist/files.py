"""Files and folders that are never seen half written: made aside, synced, renamed."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError

# What `replacing` calls a neighbour: a dot, the target's name, a dot, and eight of these.
ASIDE = re.compile(r"\.(.+)\.[a-z0-9_]{8}")


def aside_of(name: str) -> str:
    """The name of the file as whose neighbour `replacing` may have made `name`; empty if none."""
    found = ASIDE.fullmatch(name)
    return found[1] if found else ""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A neighbour of `path` to write to; synced and renamed to `path` at a clean end.

    Whatever fails, `path` is as it was and the neighbour is gone. Raises CaffeMnistError when
    the target cannot be written.
    """
    target = Path(path)
    if target.exists() and not (target.is_file() or target.is_dir()):  # devices stay devices
        raise CaffeMnistError("exists and is no plain file", where=path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=path) from None
    os.close(handle)
    aside = Path(name)
    try:
        aside.chmod(0o666 & ~_umask())
        yield aside
        _sync(aside)
        aside.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=path) from None
    finally:
        aside.unlink(missing_ok=True)


def open_for_writing(path: str | os.PathLike[str]) -> bool:
    """Whether some process has the file open for writing (as far as we may look)."""
    try:
        wanted = os.stat(path)
    except OSError:
        return False
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            found = descriptor.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino) and _writes(
                descriptor.parents[1] / "fdinfo" / descriptor.name
            ):
                return True
    return False


def _writes(fdinfo: Path) -> bool:
    for line in fdinfo.read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
