"""The container's folders below a root: code, programs, modules, scratch disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.job.programs import write_modules, write_programs, write_wrapper

# The paths that scripts know, all of them absolute.
PLACES = ("/home/work", "/home/ma-user", "/cache")
JOBS = "/home/work/user-job-dir"
CAFFE = "/home/work/caffe"
# Held locked while a job runs; shows that the folders were laid out here.
MARKER = "home/work/.caffe-mnist-job"
TEMPORARY = "caffe-mnist-job-"


@dataclass(frozen=True)
class Container:
    """A root with the container's folders below it.

    `lock` is a file descriptor: whoever has it open uses the root.
    """

    root: Path
    lock: int

    def inside(self, path: str) -> Path:
        """Where an absolute path of the container lies."""
        return self.root / path.strip("/")


@contextlib.contextmanager
def container(root: str | None, keep: bool) -> Iterator[Container]:
    """The container below `root`, for one job at a time; a temporary one where that is None.

    What an earlier job left in `root` is moved to `earlier-N` there, unless `keep`. Raises
    CaffeMnistError when `root` cannot be used.
    """
    if root is None:
        folder = tempfile.mkdtemp(prefix=TEMPORARY)
        try:
            with container(folder, keep=True) as found:
                yield found
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    place = Path(os.path.realpath(root))
    try:
        if place != Path("/") and not keep:
            _move_aside(place)
        marker = place / MARKER
        marker.parent.mkdir(parents=True, exist_ok=True)
        file = marker.open("a")
    except OSError as error:
        where = error.filename or root
        raise CaffeMnistError(f"cannot be laid out: {error.strerror}", where=where) from None
    with file:
        if not _locked(file.fileno()):
            raise CaffeMnistError("a job is running in this root", where=root)
        yield Container(place, file.fileno())


def is_idle(root: Path) -> bool:
    """Whether no job runs in a root that was laid out here; False if it was not."""
    try:
        with (root / MARKER).open() as file:
            return _locked(file.fileno())
    except OSError:
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _move_aside(root: Path) -> None:
    if not (root / MARKER).exists():
        return
    if not is_idle(root):
        raise CaffeMnistError("a job is running in this root", where=root)
    number = 1
    while (root / f"earlier-{number}").exists():
        number += 1
    aside = root / f"earlier-{number}"
    aside.mkdir()
    for name in ("home", "cache"):
        if (root / name).exists():
            (root / name).rename(aside / name)


def lay_out(made: Container, real: Mapping[str, str], own_caffe: bool) -> None:
    """Folders, programs (`real`: paths by name) and modules.

    A script makes `/home/work/dataset` and the model folder itself. Raises CaffeMnistError.
    """
    try:
        for path in PLACES:
            made.inside(path).mkdir(parents=True, exist_ok=True)
        made.inside(JOBS).mkdir(exist_ok=True)
        later = made.inside("/home/ma-user/modelarts/user-job-dir")
        later.parent.mkdir(parents=True, exist_ok=True)
        made.inside("/home/ma-user/modelarts/log").mkdir(exist_ok=True)
        if not os.path.lexists(later):
            later.symlink_to("../../work/user-job-dir")
        write_programs(made.inside(f"{CAFFE}/bin"), real)
        write_wrapper(made.inside("/home/work/run_train.sh"))
        write_modules(made.inside(f"{CAFFE}/python"), own_caffe)
    except OSError as error:
        what = f"cannot be laid out: {error.strerror}"
        raise CaffeMnistError(what, where=error.filename or made.root) from None
