"""The end of a job: what is not in the store yet is written down, brought there, and struck out.

A process of its own brings it, so that a request that hangs is killed in time, and what it was
about to do stands in `unfinished.json` whatever dies meanwhile.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.plan import Plan
from caffe_mnist.storage.pairs import Mark, Pair, marks_of, pairs
from caffe_mnist.storage.unfinished import UNFINISHED, Final, Unfinished, read_unfinished
from caffe_mnist.storage.urls import without_secret

# When the time for the last uploads is used up, and for the record of a failure (seconds).
LEAST = 5.0
RECORD = 60.0


class UnfinishedError(JobError):
    """The training ended well, and the store does not have all of it."""


class Ending:
    """What one job still has to bring to its store, and how long it may take."""

    def __init__(self, plan: Plan, run: str, say: Callable[[str], object]) -> None:
        self.plan, self.run, self._say = plan, run, say
        # The name of the training, when it is known.
        self.lineage = ""
        self.url = plan.settings.train_url or ""
        # The files that were there before; and those of them that go to the store no more.
        self.before: frozenset[Mark] = frozenset()
        self.earlier: frozenset[Mark] = frozenset()
        self._missing: tuple[int, ...] = ()
        self._final: Final | None = None
        self._deadline: float | None = None

    def bring_earlier(self, training: str | None) -> None:
        """Bring to the store, first of all, what a job of another training left unfinished.

        This job goes on with `training` ("" where it has no name yet), or begins anew (None).
        It takes no longer than the end of a job may.
        """
        before = self._before()
        if before is None or (training is not None and before.training in ("", training)):
            return
        self._say(f"an earlier training did not bring {before} to the store")
        _run(self._bringing(), self.plan.settings.drain_timeout)
        left = self._before()
        if left:
            folder = self.plan.model_folder
            self._say(f"{left} of the earlier training is not in the store, but in {folder} "
                      "until files of the same names are written")  # fmt: skip

    def begin(self, lineage: str, unsaved: int | None = None, anew: bool = False) -> None:
        """Look at what is on the disk before the training `lineage`: which snapshots are old ones.

        Unless it begins `anew`, those that an earlier job of it left unfinished, and the one of
        iteration `unsaved` that this one goes on from, are brought to the store as if new.
        """
        prefix, self.lineage = self.plan.prefix, lineage
        before = self._before()
        wanted = set() if unsaved is None else {unsaved}
        if before is not None and not anew and before.training in ("", lineage):
            wanted |= set(before.snapshots)
            self._final = before.final
            self._say(f"an earlier job did not bring {before} to the store")
        due = [pair for pair in pairs(prefix) if pair.iteration in wanted]
        self._missing = tuple(pair.iteration for pair in due)
        self.before = marks_of(prefix)
        self.earlier = self.before - {mark for pair in due for mark in pair.marks}

    def _before(self) -> Unfinished | None:
        """What an earlier job left to be brought to this place, if anything."""
        try:
            before = read_unfinished(self.plan.model_folder)
        except CaffeMnistError as error:
            self._say(f"passed over: {error}")
            return None
        place = (self._place(), self.plan.prefix.name)
        return before if before and (before.url, before.prefix) == place else None

    @property
    def is_done(self) -> bool:
        """Whether nothing of an earlier job is left to do."""
        return not self._missing and self._final is None

    def trains(self) -> None:
        """It begins: what an earlier job left as its final model is no longer that."""
        self._final = None

    def drain(self) -> None:
        """The training has ended; from now on the time for the last uploads runs."""
        self._deadline = time.monotonic() + self.plan.settings.drain_timeout

    def drained(self, whole: bool, safe: set[int]) -> None:
        """The uploader has ended: with everything in the store, or with the iterations `safe`."""
        here = pairs(self.plan.prefix, earlier=self.earlier)
        left = {pair.iteration for pair in here} - safe
        self._missing = () if whole else tuple(sorted(left))

    def publish(self, snapshot: Pair, files: Sequence[Path]) -> None:
        """Bring the final model to the store; raises UnfinishedError if not all is there then."""
        if self._deadline is None:
            self.drain()
        names = tuple(self._below(path) for path in files)
        final = Final(snapshot.iteration, names)
        left = self._bring(replace(self._work(), final=final), LEAST)
        if left:
            raise UnfinishedError(
                f"not in the store: {left}; all of it is in {self.plan.model_folder}",
                where=self._place(),
                hint=f"{self._command()} brings it there",
            )

    def leave(self, files: Sequence[Path]) -> None:
        """After a failure: the record and the log beside the snapshots, if the store takes them."""
        if not self.url:
            return
        names = tuple(self._below(path) for path in files if path.is_file())
        left = self._bring(replace(self._work(), final=self._final, failed=names), RECORD)
        folder = self.plan.model_folder
        if left.failed:
            self._say(f"the record of the run is only in {folder}")
        if left.snapshots or left.final:
            self._say(f"not in the store: {left} ({self._command()} brings it there)")
        with contextlib.suppress(CaffeMnistError):
            replace(left, failed=()).write(folder)

    def _work(self) -> Unfinished:
        keep, prefix = self.plan.settings.keep, self.plan.prefix.name
        return Unfinished(
            self.run, self._place(), prefix, keep, self._missing, training=self.lineage
        )

    def _bring(self, work: Unfinished, least: float) -> Unfinished:
        """Do it while there is time; what is left then, which stays written down."""
        folder = self.plan.model_folder
        work.write(folder)
        seconds = least
        if self._deadline is not None:
            seconds = max(self._deadline - time.monotonic(), 0 if work.snapshots else LEAST)
        if not (work.snapshots or work.final):
            seconds = min(seconds, RECORD)
        if work and seconds > 0:
            _run(self._bringing(), seconds)
        if not (folder / UNFINISHED).exists():
            return replace(work, snapshots=(), final=None, failed=())
        return read_unfinished(folder) or work

    def _bringing(self) -> list[str]:
        return [str(self.plan.model_folder), self.url, f"--owner={self.run}"]

    def _command(self) -> str:
        places = shlex.join([str(self.plan.model_folder), self._place()])
        return f"python -m caffe_mnist.storage sync {places}"

    def _place(self) -> str:
        return without_secret(self.url)

    def _below(self, path: Path) -> str:
        """Its name below the model folder, where it stays until it is in the store."""
        try:
            return path.absolute().relative_to(self.plan.model_folder.absolute()).as_posix()
        except ValueError:
            copy = self.plan.run_folder / path.name
            shutil.copyfile(path, copy)
            return copy.relative_to(self.plan.model_folder).as_posix()


def _run(arguments: list[str], seconds: float) -> None:
    command = [sys.executable, "-m", "caffe_mnist.storage.unfinished", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=_stream(), start_new_session=True
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    finally:
        process.kill()
        process.wait()


def _stream() -> int | None:
    """Our standard error, or nothing where that was replaced by what is no file."""
    try:
        sys.stderr.fileno()
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return subprocess.DEVNULL
    return None
