"""Pictures into a dataset: databases, classes, mean, index, report and contact sheet in a folder.

All of it appears at once, at the end. What a killed run left is gone on with by `resume`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from caffe_mnist.datasets.index import read_index
from caffe_mnist.datasets.pictures.journal import forget
from caffe_mnist.datasets.pictures.listing import CLASS, FLOAT, Decoding, Found, Listing, Written
from caffe_mnist.datasets.pictures.publishing import check_target, publish
from caffe_mnist.datasets.pictures.report import Made, recounted, write_report
from caffe_mnist.datasets.pictures.skipped import write_skipped
from caffe_mnist.datasets.pictures.split import shuffled, split
from caffe_mnist.datasets.pictures.staging import Staging, failures
from caffe_mnist.datasets.shards import Share, arguments_of, list_digest, write_sets
from caffe_mnist.datasets.shards import part as shard_of
from caffe_mnist.files import replacing

TRAIN, VAL = "train", "val"
# What the set of the labels is called behind the one of the pictures.
LABEL = "_label"
# Labels that are mere numbers get a line each in labels.txt up to here.
MOST_NUMBERS = 100_000

Progress = Callable[[str, int, int], None]
# Writes one database: the listing, its path, and whether to go on with what is there.
Write = Callable[[Listing, str, bool], Written]


@dataclass(frozen=True)
class Choices:
    """How pictures become a dataset: `val` is the share to validate with, 0 for none."""

    decoding: Decoding = field(default_factory=Decoding)
    val: float = 0.0
    shuffle: bool = False
    seed: int = 0
    share: Share = field(default_factory=Share)


def sets_of(listing: Listing, choices: Choices) -> dict[str, Listing]:
    """The sets to make, in the order of their records."""
    sets = {TRAIN: listing}
    if choices.val:
        sets[TRAIN], sets[VAL] = split(listing, choices.val, choices.seed)
    if choices.shuffle:
        sets = {name: shuffled(one, choices.seed) for name, one in sets.items()}
    return sets


def part_of(share: Share) -> str:
    """What the names of one shard's files end with, nothing for a whole dataset."""
    return "" if share.number is None else share.name("", share.number)


def make_dataset(
    found: Found, out: str, choices: Choices, write: Write, staging: Staging, *, overwrite: bool
) -> Made:
    """Make the dataset `out` of what was found, in `staging`, and publish it; what was made.

    `write` writes one database and keeps its journal. Raises CaffeMnistError for what cannot be
    split or written, and when no picture can be read; then nothing is published.
    """
    from caffe_mnist.datasets.pictures.writing import NoRecordsError

    share, part = choices.share, part_of(choices.share)
    sets = sets_of(found.listing, choices)
    arguments = made_with(choices)
    job = {name: list_digest(one) for name, one in sets.items()}
    staging.begin([job, arguments, share.of, share.number, found.listing.root])
    staging.worth_keeping()

    def write_once(listing: Listing, path: str) -> Written:
        name = os.path.basename(path)
        written = staging.database(name)
        if written is None:
            try:
                written = _without_holes(write(listing, path, True))
            except NoRecordsError:
                staging.worth_keeping(False)
                raise
            staging.note(name, written)
        forget(path)  # only now: the note says all that its journal does
        return written

    # What no shard was given is told once.
    left_out = () if share.number else found.left_out
    done = write_sets(sets, staging.out, write_once, share, arguments, left_out)
    skipped = [*left_out, *(one for written in done.values() for one in written.skipped)]
    here = sets
    if share.number is not None:
        here = {name: shard_of(one, share.number, share.of) for name, one in sets.items()}
    made = Made(
        found.listing.form,
        found.listing.classes,
        {name: (here[name], recounted(here[name], written)) for name, written in done.items()},
        tuple(skipped),
        found.remarks,
    )
    with failures(out):
        staging.sweep()
        _write_papers(staging.out, made, part)
    check_target(out, part=part, overwrite=overwrite)
    staging.ready(f"dataset{part}.json")
    publish(staging.out, out, part=part)
    staging.worth_keeping(False)
    return made


def is_complete(out: str, found: Found, choices: Choices) -> bool:
    """Whether `out` holds this dataset already: these pictures, these options, this share."""
    part = part_of(choices.share)
    path = os.path.join(out, f"dataset{part}.json")
    if not os.path.isfile(path):
        return False
    there = read_index(path).sets
    sets = sets_of(found.listing, choices)
    vectors = {name + LABEL for name, listing in sets.items() if listing.kind != CLASS}
    if set(there) != set(sets) | vectors:
        return False
    arguments = made_with(choices)
    for name, one in there.items():
        listing = sets[name[: -len(LABEL)] if name.endswith(LABEL) else name]
        if one.arguments != {**arguments, **arguments_of(listing)}:
            return False
        if len(one.shards) != len(choices.share.numbers):
            return False
    return True


def _write_papers(folder: str, made: Made, part: str) -> None:
    """What people read: the classes, the report, the sheet and what was skipped."""
    from caffe_mnist.datasets.pictures.contact_sheet import write_contact_sheet

    _write_labels(os.path.join(folder, "labels.txt"), made)
    skipped = os.path.join(folder, f"skipped{part}.csv")
    if made.skipped:
        write_skipped(skipped, made.skipped)
    elif os.path.exists(skipped):
        os.unlink(skipped)
    if not part:
        write_contact_sheet(os.path.join(folder, "contact_sheet.png"), made)
    report = f"report{part}.json"
    write_report(os.path.join(folder, report), made, [*os.listdir(folder), report])


def _write_labels(path: str, made: Made) -> None:
    """A line for each label from 0 on: its class, or the number where classes have no names."""
    labels = made.labels()
    if made.kind == FLOAT or (not made.classes and (labels[0] < 0 or labels[-1] >= MOST_NUMBERS)):
        return
    lines = made.classes or [str(label) for label in range(labels[-1] + 1)]
    with replacing(path) as aside:
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def made_with(choices: Choices) -> dict[str, Any]:
    """What made the records what they are, options at rest left out."""
    decoding = {name: value for name, value in asdict(choices.decoding).items() if value}
    more = {"val": choices.val, "shuffle": choices.shuffle}
    found = {**decoding, **{name: value for name, value in more.items() if value}}
    return {**found, "seed": choices.seed} if choices.val or choices.shuffle else found


def _without_holes(written: Written) -> Written:
    """A line of a list without anything on it is no picture that was skipped."""
    skipped = tuple(one for one in written.skipped if one.name)
    return replace(written, skipped=skipped)
