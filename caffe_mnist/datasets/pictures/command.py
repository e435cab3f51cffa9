"""What `convert images` does, said to a person while it is done."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from caffe_mnist.datasets.pictures.dataset import (
    Choices,
    is_complete,
    make_dataset,
    part_of,
    sets_of,
)
from caffe_mnist.datasets.pictures.listing import (
    CLASS,
    FLOAT,
    MULTI,
    Decoding,
    Found,
    Listing,
    Skipped,
    Written,
)
from caffe_mnist.datasets.pictures.options import decoding_of, labels_of
from caffe_mnist.datasets.pictures.publishing import check_target
from caffe_mnist.datasets.pictures.report import Made, class_table, recounted
from caffe_mnist.datasets.pictures.skipped import read_skipped, skipped_lines, write_skipped
from caffe_mnist.datasets.pictures.sources import find
from caffe_mnist.datasets.pictures.staging import Staging
from caffe_mnist.datasets.shards import parse_share
from caffe_mnist.errors import CaffeMnistError, JobError

if TYPE_CHECKING:
    from caffe_mnist.datasets.pictures.workers import Workers

# Brings what is at a URL into a folder; what stands there instead of the URL.
Fetch = Callable[[str, str], str]


class Progress(Protocol):
    """Called with a database, its records so far and in all; `at_once` may be cut anywhere."""

    def __call__(self, name: str, done: int, total: int) -> None:
        """Note that `done` of `total` are through; a signal takes effect here."""

    def at_once(self) -> AbstractContextManager[None]:
        """Let signals take effect at once."""


def images(options: argparse.Namespace, progress: Progress, fetch: Fetch, workers: Workers) -> int:
    """Make a dataset of `options.source`; raises JobError if more was skipped than allowed."""
    if options.append:
        raise CaffeMnistError(
            "--append: a dataset is made as a whole",
            hint="convert the new pictures by themselves and join both with convert merge; "
            "convert imageset --append adds to one database",
        )
    decoding = decoding_of(options)
    share = parse_share(options.shards, options.shard)
    choices = Choices(decoding, options.val, options.shuffle, options.seed, share)
    remote = "://" in options.source
    if options.dry_run and not remote:
        with progress.at_once():
            return _say_found(_found(options, options.source), choices)
    part = part_of(share)
    if not options.dry_run and not options.resume:
        check_target(options.out, part=part, overwrite=options.overwrite)
    with Staging(options.out, part=part, resume=options.resume) as staging:
        try:
            return _images(options, choices, staging, progress, fetch, workers)
        except CaffeMnistError as error:
            if error.where:
                error.where = error.where.replace(staging.out, options.out)
            raise
        except (KeyboardInterrupt, SystemExit):
            if staging.kept:
                print(f"what is done is kept in {staging.path}: --resume goes on", file=sys.stderr)
            raise


def _images(
    options: argparse.Namespace,
    choices: Choices,
    staging: Staging,
    progress: Progress,
    fetch: Fetch,
    workers: Workers,
) -> int:
    source = options.source
    if "://" in source:
        with progress.at_once():
            staging.worth_keeping(not options.dry_run)
            source = fetch(source, staging.source)
            staging.worth_keeping(False)
    try:
        with progress.at_once():
            found = _found(options, source)
    except CaffeMnistError as error:
        where = error.where and error.where.replace(source, options.source)
        raise CaffeMnistError(error.what, where=where, hint=error.hint) from None
    _say_found(found, choices, classes=options.dry_run)
    if options.dry_run:
        return 0
    table = os.path.join(options.out, f"skipped{part_of(choices.share)}.csv")
    index = os.path.join(options.out, f"dataset{part_of(choices.share)}.json")
    complete = options.resume and is_complete(options.out, found, choices)
    if complete and not staging.unfinished(index):
        print(f"{options.out}: complete already, nothing to go on with")
        return end(read_skipped(table) or [], options.allow_skips, table)
    check_target(options.out, part=part_of(choices.share), overwrite=options.overwrite)
    write = writer(choices.decoding, progress, workers, overwrite=True, keep_journal=True)
    with nothing_readable(table, found.left_out, index):
        made = make_dataset(
            found, options.out, choices, write, staging, overwrite=options.overwrite
        )
    _say_made(made, options.out, part_of(choices.share))
    return end(made.skipped, options.allow_skips, table)


def writer(
    decoding: Decoding, progress: Progress, workers: Workers, **how: bool
) -> Callable[[Listing, str, bool], Written]:
    """What writes the database of a listing at a path, or goes on with it."""
    from caffe_mnist.datasets.pictures.writing import write_pictures

    def write(listing: Listing, path: str, resume: bool) -> Written:
        return write_pictures(
            listing,
            path,
            decoding,
            workers=workers,
            resume=resume,
            progress=progress,
            **how,
        )

    return write


@contextlib.contextmanager
def nothing_readable(table: str, left_out: Sequence[Skipped], before: str) -> Iterator[None]:
    """Where not one picture can be read, the table of reasons is all that is made.

    Not even that where `before` is there, to which an older table belongs.
    """
    from caffe_mnist.datasets.pictures.writing import NoRecordsError

    try:
        yield
    except NoRecordsError as error:
        skipped = [*left_out, *(one for one in error.skipped if one.name)]
        if not os.path.lexists(before):
            os.makedirs(os.path.dirname(table) or ".", exist_ok=True)
            write_skipped(table, skipped)
        for line in skipped_lines(skipped):
            print(line, file=sys.stderr)
        what = f"none of {len(skipped)} pictures can be read: no database is made"
        raise JobError(what, where=table) from None


def _found(options: argparse.Namespace, source: str) -> Found:
    found = find(source, form=options.form, root=options.root, labels=labels_of(options))
    if found.listing.form in ("folders", "pairs") and not options.shuffle:
        labels = [entry.label for entry in found.listing.entries]
        if labels == sorted(labels) and len(set(labels)) > 1:
            more = "the records stand class by class: --shuffle mixes them for training"
            found = replace(found, remarks=(*found.remarks, more))
    return found


def _say_found(found: Found, choices: Choices, *, classes: bool = True) -> int:
    """What a source holds, in a line or with all of its classes."""
    listing = found.listing
    counts = Counter(entry.label for entry in listing.entries if entry.name)
    kinds = f"{len(counts)} classes" if len(counts) != 1 else "one class"
    kinds = f" of {kinds}" if listing.kind == CLASS else ""
    print(f"{listing.form}: {count(listing)}{kinds}")
    for text in found.remarks:
        remark(text)
    if classes:
        sets = sets_of(listing, choices)
        counted = {name: (one, recounted(one, _as_if_written(one))) for name, one in sets.items()}
        made = Made(listing.form, listing.classes, counted)
        print("\n".join(class_table(made)))
        for line in skipped_lines(found.left_out):
            print(line)
    sys.stdout.flush()
    return 0


def _as_if_written(listing: Listing) -> Written:
    labels = Counter(entry.label for entry in listing.entries if entry.name)
    return Written(sum(labels.values()), labels=dict(labels))


def _say_made(made: Made, out: str, part: str) -> None:
    print("\n".join(class_table(made)))
    train = made.sets["train"][1]
    if train.sums is None and train.height is None:
        how = "--resize-height and --resize-width make them one"
        remark(f"no mean.binaryproto, for the records are of several sizes: {how}")
    if part:
        more = "once all shards are there, convert merge makes their index"
    else:
        more = "report.json and contact_sheet.png show them"
    print(f"{out}: {made.records:,} records; {more}")
    sys.stdout.flush()


def end(skipped: Sequence[Skipped], allowed: int, table: str) -> int:
    """Name what was skipped; raises JobError if it is more than allowed."""
    for line in skipped_lines(skipped):
        print(line, file=sys.stderr)
    if len(skipped) > allowed:
        what = "1 picture was skipped" if len(skipped) == 1 else f"{len(skipped)} were skipped"
        raise JobError(
            f"{what}, all others are converted",
            where=table,
            hint=f"--allow-skips {len(skipped)} is content with that",
        )
    return 0


def count(listing: Listing) -> str:
    """How many pictures there are, in words, and what of labels each has."""
    found = sum(bool(entry.name) for entry in listing.entries)
    more = {FLOAT: f", each with {listing.width} numbers", MULTI: f", of {listing.width} classes"}
    text = "1 picture" if found == 1 else f"{found:,} pictures"
    return text + more.get(listing.kind, "")


def remark(text: str) -> None:
    """Say what a person might want to know."""
    print(f"note: {text}", file=sys.stderr)
