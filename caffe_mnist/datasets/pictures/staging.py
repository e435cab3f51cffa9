"""Where a dataset of pictures is made: a hidden folder beside OUT_DIR, until all of it is done.

    .NAME.partial/job.json   what is being made: --resume goes on with nothing else
    .NAME.partial/source/    what was fetched from a store
    .NAME.partial/done/      databases that are complete, and what is to be known of them
    .NAME.partial/out/       the files of OUT_DIR to be
    .NAME.partial/ready.json the index of OUT_DIR to be, once all is made

It is locked while its maker lives. Where the folder above OUT_DIR cannot be written, it lies in
OUT_DIR. Of several machines that make one shard each, every one has a folder of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

from caffe_mnist.datasets.pictures.listing import Skipped, Written
from caffe_mnist.datasets.pictures.moves import take_back
from caffe_mnist.datasets.pictures.own_files import OURS
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing


class Staging:
    """The folder aside for `out`; `part` tells it from those of other shards.

    With `resume` what an earlier maker left is kept, otherwise it is removed. When the `with`
    block fails, it stays only if `worth_keeping` was called and something is in it.
    """

    def __init__(self, out: str, *, part: str = "", resume: bool = False) -> None:
        self.target = os.path.realpath(out)
        above, name = os.path.split(self.target)
        if os.path.isdir(self.target) and (
            os.path.ismount(self.target) or not os.access(above, os.W_OK)
        ):
            above = self.target
        self.path = os.path.join(above, f".{name[:150]}{part}.partial")
        self.out = os.path.join(self.path, "out")
        self.source = os.path.join(self.path, "source")
        self._done = os.path.join(self.path, "done")
        self._shown, self._resume, self._worth = out, resume, False

    def __enter__(self) -> Staging:
        with failures(self._shown):
            self._new_above = _missing(os.path.dirname(self.path))
            self._lock = _locked(self.path)
        if self._lock is None:
            raise CaffeMnistError("is being made by another process", where=self._shown)
        take_back(self.out, self.target)
        if not self._resume:
            self._clear()
        with failures(self._shown):
            for folder in (self.out, self._done):
                os.makedirs(folder, exist_ok=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None or not self.kept:
            shutil.rmtree(self.path, ignore_errors=True)
            for folder in self._new_above:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        assert self._lock is not None
        os.close(self._lock)

    def worth_keeping(self, worth: bool = True) -> None:
        """From here on a failure leaves the folder for --resume."""
        self._worth = worth

    @property
    def kept(self) -> bool:
        """Whether a failure now leaves something to go on with."""
        return self._worth and any(map(_filled, (self.out, self._done, self.source)))

    def begin(self, job: Any) -> None:
        """Note what is being made; raises CaffeMnistError if something else was begun here."""
        path = os.path.join(self.path, "job.json")
        text = json.dumps(job, sort_keys=True)
        before = None
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                before = file.read()
        if before is not None and before != text:
            self._worth = True
            raise CaffeMnistError(
                "what was begun here was of other pictures or options",
                where=self._shown,
                hint="without --resume it starts anew",
            )
        with replacing(path) as aside:
            aside.write_text(text, encoding="ascii")

    def sweep(self) -> None:
        """Remove from `out` what killed makers left half written, once the databases are made."""
        for name in os.listdir(self.out):
            if not OURS.fullmatch(name):
                _remove(os.path.join(self.out, name))

    def ready(self, index: str) -> None:
        """Note that all is made, `index` in `out` with it, and is about to be published."""
        place = os.path.join(self.path, "ready.json")
        shutil.copyfile(os.path.join(self.out, index), place + ".new")
        os.replace(place + ".new", place)

    def unfinished(self, index: str) -> bool:
        """Whether an earlier maker left something that is not what stands at `index` now."""
        if not os.path.exists(os.path.join(self.path, "job.json")):
            return False
        place = os.path.join(self.path, "ready.json")
        return not os.path.exists(place) or not filecmp.cmp(place, index, shallow=False)

    def database(self, name: str) -> Written | None:
        """What a database holds that an earlier maker completed."""
        import numpy as np

        place = os.path.join(self._done, name)
        if not os.path.isdir(os.path.join(self.out, name)):
            return None
        try:
            with open(place + ".json", encoding="ascii") as file:
                found = json.load(file)
            sums = np.load(place + ".npy") if found.pop("sums") else None
            moments = np.load(place + ".2.npy") if found.pop("moments") else None
            found["skipped"] = tuple(Skipped(*one) for one in found["skipped"])
            found["labels"] = {int(label): count for label, count in found["labels"].items()}
            found["sizes"] = {(height, width): count for height, width, count in found["sizes"]}
            return Written(**found, sums=sums, moments=moments)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, name: str, written: Written) -> None:
        """Note that a database is complete."""
        import numpy as np

        place = os.path.join(self._done, name)
        if written.sums is not None:
            np.save(place + ".npy", written.sums)
        if written.moments is not None:
            np.save(place + ".2.npy", written.moments)
        arrays = ("sums", "moments")
        found = {key: value for key, value in vars(written).items() if key not in arrays}
        found["sizes"] = [[*size, count] for size, count in written.sizes.items()]
        found.update({name: getattr(written, name) is not None for name in arrays})
        with replacing(place + ".json") as aside:
            aside.write_text(json.dumps(found), encoding="ascii")

    def _clear(self) -> None:
        for name in os.listdir(self.path):
            _remove(os.path.join(self.path, name))


def _remove(path: str) -> None:
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def _filled(folder: str) -> bool:
    return os.path.isdir(folder) and bool(os.listdir(folder))


@contextlib.contextmanager
def failures(shown: str) -> Iterator[None]:
    """Failures of the system as one expected error."""
    try:
        yield
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=shown) from None


def _missing(folder: str) -> list[str]:
    """The folders that have to be made for `folder`, the innermost first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _locked(folder: str) -> int | None:
    """The folder, made if need be, opened and locked; None if somebody else has it."""
    while True:
        os.makedirs(folder, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:  # a file system without locks
            return lock
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)  # its maker ended, and removed it, before the lock
