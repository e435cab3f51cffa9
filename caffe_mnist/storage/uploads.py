"""What one uploader does: which snapshots are due, and publishing each of them once.

A new snapshot gets the next number; `newest.json` follows its manifest; then the oldest beyond
`keep` go. Whatever the store does meanwhile, the next turn begins with what is really there.
Only a clock that cannot jump decides.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.best import BestModel
from caffe_mnist.storage.manifest import MANIFEST
from caffe_mnist.storage.newest import NEWEST, pointer
from caffe_mnist.storage.owner import OwnedError, Owner
from caffe_mnist.storage.pairs import Mark, Pair, being_written, is_cut, pairs, read_marks
from caffe_mnist.storage.snapshots import ChangedFileError, publish, remove
from caffe_mnist.storage.snapshots import sha256 as digest
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.survey import Published, Survey, survey
from caffe_mnist.storage.urls import join

LONGEST_PAUSE = 60.0
LONGEST_PAUSE_AT_THE_END = 5.0
# How often the end waits for the store to take what is no snapshot.
TRIES = 3


@dataclass(frozen=True)
class Settings:
    """What to watch, where to put it, and how."""

    prefix: str
    to: str
    every: float = 60.0
    keep: int = 0
    since: float = 0.0
    trainer: int = 0
    drain_timeout: float = 600.0
    report: str | None = None
    owner: str = ""
    above: int = 0
    earlier: str | None = None
    launcher: int = 0
    look_every: float = 1.0
    best: str | None = None
    # The name of the training, which the manifests tell.
    training: str = ""


@dataclass
class Uploader:
    """The state of one uploader; `look` is one turn of its loop."""

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    not_before: float = 0.0
    last_published: float = float("-inf")
    longest_pause: float = LONGEST_PAUSE
    owner: Owner | None = None
    _seen: dict[Path, Pair] = field(default_factory=dict)
    # What was published, as (marks, folder), and what is no snapshot, by the path of its weights.
    _done: dict[Path, tuple[tuple[Mark, ...], str]] = field(default_factory=dict)
    _cut: dict[Path, tuple[Mark, ...]] = field(default_factory=dict)
    _survey: Survey | None = None
    _highest: int = 0
    _removed: set[str] = field(default_factory=set)
    _pointed: bytes = b""
    _tidy: bool = True

    def __post_init__(self) -> None:
        earlier = self.settings.earlier
        self._earlier = read_marks(earlier) if earlier else frozenset()
        # The one before may have died when there was one too many.
        self._tidy = not self.settings.keep
        best, to = self.settings.best, self.settings.to
        self._best = None
        if best:
            prefix, training = self.settings.prefix, self.settings.training
            self._best = BestModel(Path(best), prefix, to, training)
        self._best_published = float("-inf")

    @property
    def is_tidy(self) -> bool:
        """Whether the pointer is right and no more is in the store than is to be kept."""
        return self._tidy

    def pending(self, final: bool = False) -> list[Pair]:
        """Complete snapshots that are not in the store yet; `final`: the trainer has ended."""
        return [pair for pair in self._new() if self._is_settled(pair, final)]

    def look(self, final: bool = False) -> bool:
        """Publish what is due; True when nothing is left to do."""
        ready = self.pending(final)
        best = self._best_is_due(final)
        if not ready and self._tidy and not best:
            return not self._new()
        now = self.clock()
        if now < self.not_before:
            return False
        if best and not self._tried(self._publish_best):
            return False
        if ready and not final and now - self.last_published < self.settings.every:
            return False
        due = len(self._done)
        if not self._tried(self._known, ready[0] if ready else None) or len(self._done) < due:
            return False
        for pair in self._wanted(ready):
            # Before each, so that never more than one is too many, whoever is killed when.
            self._is_tidied()
            if not self._tried(partial(self._publish, pair), pair):
                return False
        if ready:
            self.last_published = self.clock()
        if not self._is_tidied() and (not final or self.failures < TRIES):
            return False
        return not self._new()

    def _best_is_due(self, final: bool) -> bool:
        """Whether another snapshot is the best now; not more often than others are uploaded."""
        due = self._best.due() if self._best is not None else None
        if due is None or not self._is_settled(due[1], final):
            return False
        return final or self.clock() - self._best_published >= self.settings.every

    def _publish_best(self) -> None:
        due = self._best.due() if self._best is not None else None
        if self._best is None or due is None:
            return
        self._check_owner()
        content, pair, more = due
        if self._best.bring(content, pair, more):
            text = f"the best so far, iteration {pair.iteration}, is in {self._best.url}"
            self.say("best", text, url=self._best.url)
        self._best_published = self.clock()

    def _is_tidied(self) -> bool:
        return self._tidy or self._tried(self._tidy_up)

    def hurry(self) -> None:
        """This is the end: try at once what failed before, and do not wait long between tries."""
        self.not_before, self.longest_pause = 0.0, LONGEST_PAUSE_AT_THE_END

    def say(self, event: str, text: str, **more: object) -> None:
        """A line on standard error and in the report; a full disk or a gone reader is no matter."""
        with contextlib.suppress(OSError, ValueError):
            print(f"uploader: {text}", file=sys.stderr, flush=True)
        self.note(event, text=text, **more)

    def note(self, event: str, **more: object) -> None:
        """A line in the report alone."""
        if self.settings.report:
            line = json.dumps({"time": time.time(), "event": event, **more})
            with contextlib.suppress(OSError), open(self.settings.report, "a") as file:
                file.write(line + "\n")

    def _new(self) -> list[Pair]:
        """Snapshots of which both files are other than those that were published, or cut."""
        found = []
        for pair in pairs(self.settings.prefix, self.settings.since, self._earlier):
            marks, _ = self._done.get(pair.weights, ((), ""))
            written = all(new != old for new, old in zip(pair.marks, marks))
            if written and self._cut.get(pair.weights) != pair.marks:
                found.append(pair)
        return found

    def _is_settled(self, pair: Pair, final: bool) -> bool:
        """Whether it is whole and nobody writes to it any more."""
        before, self._seen[pair.weights] = self._seen.get(pair.weights), pair
        sure = final and self.settings.trainer > 0
        if not sure and ((before != pair and not final) or being_written(pair)):
            return False
        try:
            cut = is_cut(pair)
        except OSError:
            return False
        if cut:
            self._cut[pair.weights] = pair.marks
            self.say("cut", f"iteration {pair.iteration} is cut off; not uploaded")
        return not cut

    def _wanted(self, ready: list[Pair]) -> list[Pair]:
        """Without those that would be removed at once."""
        room = self.settings.keep or len(ready)
        if self.settings.keep and self._is_superseded:
            room = max(room - len(self._current()), 0)
        passed = ready[: max(len(ready) - room, 0)]
        for pair in passed:
            self._done[pair.weights] = (pair.marks, "")
            text = f"iteration {pair.iteration} is not uploaded: newer ones are to be kept"
            self.say("passed over", text, iteration=pair.iteration)
        return ready[len(passed) :]

    def _tried(self, work: Callable[[], object], pair: Pair | None = None) -> bool:
        """Whether it went well; after a failure nothing is tried for a while."""
        try:
            work()
        except OwnedError:
            raise
        except ChangedFileError as error:
            self.say("changed", str(error))
            if pair is not None:
                self._seen.pop(pair.weights, None)
            return False
        except (CaffeMnistError, OSError) as error:
            self.failures += 1
            longest = min(self.longest_pause, 2.0 ** min(self.failures, 10) / 2)
            pause = longest * random.uniform(0.5, 1.0)
            self.not_before = self.clock() + pause
            self._survey = None
            what = f"iteration {pair.iteration} not uploaded" if pair else "the store failed"
            more = {"iteration": pair.iteration} if pair else {}
            self.say("failed", f"{what} ({error}); next try in {pause:.1f} s", **more)
            return False
        self.failures = 0
        return True

    def _publish(self, pair: Pair) -> None:
        try:
            there = self._same(pair)
        except FileNotFoundError:
            raise ChangedFileError("vanished before it was uploaded", where=pair.weights) from None
        if there is None:
            there = self._send(pair)
        elif pair.weights not in self._done:
            text = f"iteration {pair.iteration} is in {there.url} already"
            self.say("there", text, iteration=pair.iteration)
        self._done[pair.weights] = (pair.marks, there.folder)
        self._tidy = False

    def _send(self, pair: Pair) -> Published:
        begun = self.clock()
        number = self._number()
        url = join(self.settings.to, str(number))
        self._check_owner()
        self.note("uploading", iteration=pair.iteration)
        manifest = publish(url, pair.files, pair.iteration, training=self.settings.training)
        self._highest = number
        seconds = self.clock() - begun
        size = sum(file.size for file in manifest.files)
        one = Published(str(number), url, manifest)
        self._known().append(one)
        self.say(
            "published",
            f"iteration {pair.iteration} is safe in {url} ({size / 1e6:.1f} MB, {seconds:.1f} s)",
            iteration=pair.iteration,
            url=url,
            bytes=size,
            seconds=round(seconds, 3),
        )
        return one

    def _same(self, pair: Pair) -> Published | None:
        """The very same snapshot of this training, if the store has it already."""
        for one in self._ours():
            same = {file.name: file.sha256 for file in one.manifest.files}
            if one.manifest.iteration == pair.iteration and all(
                same.get(path.name) == digest(path) for path in pair.files
            ):
                return one
        return None

    def _number(self) -> int:
        """A number above all that are in use, whatever a listing may not show yet."""
        self._known()
        taken = (self._survey.begun.above, *self._survey.taken) if self._survey else ()
        number = max(self.settings.above, self._highest, *taken) + 1
        store = open_store(self.settings.to)
        while store.size(f"{number}/{MANIFEST}") is not None:
            number += 1
        return number

    def _known(self) -> list[Published]:
        """The complete numbered snapshots in the store."""
        if self._survey is None:
            found = survey(self.settings.to)
            numbered = [one for one in found.complete if one.number is not None]
            self._survey = replace(found, complete=numbered)
            self._miss({one.folder for one in numbered})
        return self._survey.complete

    def _current(self) -> list[Published]:
        """Those of the training that was begun last."""
        self._known()
        return self._survey.current if self._survey else []

    def _ours(self) -> list[Published]:
        """Those of the training whose snapshots are uploaded here."""
        training = self.settings.training
        if self._is_superseded:
            return [one for one in self._known() if one.manifest.training == training]
        return self._current()

    @property
    def _is_superseded(self) -> bool:
        """Whether another training has begun in the store since, whose snapshots come first."""
        self._known()
        begun = self._survey.begun.training if self._survey else ""
        return bool(begun and self.settings.training) and begun != self.settings.training

    def _miss(self, folders: set[str]) -> None:
        """What was published and is there no more (the bucket was made anew) is due again."""
        store = open_store(self.settings.to)
        for path, (_, folder) in list(self._done.items()):
            if not folder or folder in folders | self._removed:
                continue
            if store.size(f"{folder}/{MANIFEST}") is None:
                del self._done[path]
                text = f"{path.name} is not in {store.url}/{folder} any more; it is due again"
                self.say("lost", text)

    def _tidy_up(self) -> None:
        """The pointer to the newest; then, beyond `keep`, the oldest go, never the newest."""
        resumable = [one for one in self._current() if one.resumable]
        newest = max(
            resumable, key=lambda one: (one.manifest.iteration, one.number or 0), default=None
        )
        if newest is not None and pointer(newest) != self._pointed:
            self._check_owner()
            open_store(self.settings.to, quick=True).write(NEWEST, pointer(newest))
            self._pointed = pointer(newest)
        if self.settings.keep:
            self._retain(newest)
        self._tidy = True

    def _retain(self, newest: Published | None) -> None:
        current = self._current()
        # Earlier trainings' go first, whenever they arrived.
        numbered = sorted(self._known(), key=lambda one: (one in current, one.number or 0))
        for one in numbered[: -self.settings.keep]:
            if one == newest:
                continue
            self._check_owner()
            self._removed.add(one.folder)
            remove(self.settings.to, one.folder)
            self._known().remove(one)
            text = f"iteration {one.manifest.iteration} removed from {one.url}"
            self.say("removed", text, iteration=one.manifest.iteration)
        oldest = min((one.number or 0 for one in self._known()), default=0)
        for number in self._survey.leftovers if self._survey else ():
            if number < oldest:  # somebody died while removing it
                remove(self.settings.to, str(number))

    def _check_owner(self) -> None:
        if self.owner is not None:
            self.owner.check()
