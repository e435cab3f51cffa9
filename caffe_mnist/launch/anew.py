"""Which training it is that goes on, and which lay there before: no snapshot of one is another's.

A training has a name: the run that began it. In the store `begun.json` has it, and says which
snapshots are of before; on the disk `.begun.json` has it, with the marks of the files of before.
Whoever goes on later (`--resume`) passes over both, and manifests tell of late comers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from caffe_mnist.files import replacing
from caffe_mnist.launch.best import BEST_FILE
from caffe_mnist.launch.plan import Plan
from caffe_mnist.storage.begun import BEGUN, Begun
from caffe_mnist.storage.pairs import Mark, marks_of, pairs
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.survey import read_begun, survey

NOTE = ".begun.json"


@dataclass(frozen=True)
class Note:
    """What the model folder says: the name of its training, if known; earlier ones' files."""

    training: str = ""
    earlier: frozenset[Mark] = frozenset()


class Beginning(Protocol):
    """Where a training goes on: its iteration, and the name of the training, if known."""

    @property
    def iteration(self) -> int:
        """That of the snapshot."""

    @property
    def training(self) -> str:
        """That the snapshot is of."""


def begin_anew(plan: Plan, run: str, above: int, say: Callable[[str], object]) -> str:
    """Note what is there of earlier trainings, and the name of the new one, which is returned.

    `above` is a number that is to be left alone. The place in the store must be ours. It comes
    first: who is killed before the disk knows finds the disk's training to be another. Raises
    StoreError when the store fails.
    """
    url = plan.settings.train_url
    if url:
        store, found = open_store(url), survey(url)
        final = next((one.manifest for one in found.complete if one.number is None), None)
        last = None if final is None else (final.iteration, final.created)
        begun = Begun(max(above, *found.taken, 0), last, run)
        store.write(BEGUN, begun.to_json())
        if found.current:
            reached = found.current[-1].manifest.iteration
            say(
                f"{url} holds an earlier training, as far as iteration {reached}: it stays, "
                "and --resume goes on with this one"
            )
    _write_note(plan, Note(run, marks_of(plan.prefix)))
    return run


def go_on(plan: Plan, start: Beginning, run: str) -> str:
    """The name of the training that goes on, noted where it was not.

    One that has none yet (an older release began it) gets the name of this `run`. Snapshots on
    the disk that are of another training count as earlier ones from now on; its measurements and
    its best model are forgotten. Raises StoreError when the store fails.
    """
    note, begun, url = read_note(plan), Begun(), plan.settings.train_url
    if url:
        begun = read_begun(url)
    training = begun.training or start.training or note.training or run
    if url and not begun.training:
        open_store(url).write(BEGUN, replace(begun, training=training).to_json())
    if note.training != training:
        earlier = note.earlier
        if is_another(note.training, training):
            for name in (BEST_FILE, "metrics.csv"):
                (plan.model_folder / name).unlink(missing_ok=True)
            ours = [pair for pair in pairs(plan.prefix) if pair.iteration == start.iteration]
            earlier = marks_of(plan.prefix) - {mark for pair in ours for mark in pair.marks}
        _write_note(plan, Note(training, earlier))
    return training


def begun_last(plan: Plan) -> str:
    """The name of the training that was begun last in the store; "" where it has none."""
    url = plan.settings.train_url
    return read_begun(url).training if url else ""


def is_another(one: str, other: str) -> bool:
    """Whether these are the names of two trainings; where one is not known, they may be one."""
    return bool(one and other) and one != other


def read_note(plan: Plan) -> Note:
    """What the disk says; one that is damaged says nothing."""
    try:
        found = json.loads((plan.model_folder / NOTE).read_bytes())
        if isinstance(found, list):  # as an older release wrote it
            found = {"training": "", "earlier": found}
        marks = ((int(inode), int(size), int(time)) for inode, size, time in found["earlier"])
        return Note(str(found["training"]), frozenset(marks))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Note()  # better to go on from one snapshot too many


def _write_note(plan: Plan, note: Note) -> None:
    with replacing(plan.model_folder / NOTE) as aside:
        fields = {"training": note.training, "earlier": sorted(note.earlier)}
        aside.write_text(json.dumps(fields) + "\n")
