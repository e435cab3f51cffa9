"""What `convert imageset` does: one database of a list, as Caffe's convert_imageset makes it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from caffe_mnist.datasets.appending import append_all, first_key, has_key, next_number
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import TRAIN, RecordSet, make_shard, read_index
from caffe_mnist.datasets.merge import set_of
from caffe_mnist.datasets.pictures.alike import check_options, check_shape
from caffe_mnist.datasets.pictures.command import (
    Progress,
    count,
    end,
    nothing_readable,
    remark,
    writer,
)
from caffe_mnist.datasets.pictures.dataset import Choices, made_with
from caffe_mnist.datasets.pictures.journal import forget, places, remove_folder
from caffe_mnist.datasets.pictures.label_database import label_path, write_label_database
from caffe_mnist.datasets.pictures.listing import CLASS, Decoding, Listing, Skipped, Written
from caffe_mnist.datasets.pictures.options import decoding_of, labels_of
from caffe_mnist.datasets.pictures.skipped import read_skipped, write_skipped
from caffe_mnist.datasets.pictures.sources import find_list
from caffe_mnist.datasets.pictures.split import shuffled
from caffe_mnist.datasets.receipt import check_receipt, receipt_of, remove_receipt, write_receipt
from caffe_mnist.datasets.shards import arguments_of
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    from caffe_mnist.datasets.pictures.workers import Workers

NOTHING: Sequence[Skipped] = ()
# So many classes of a list with names are said.
MOST = 20


def imageset(options: argparse.Namespace, progress: Progress, workers: Workers) -> int:
    """Make one database, or add to one; raises JobError if more was skipped than allowed, or
    nothing could be read."""
    choices = Choices(_decoding(options), shuffle=options.shuffle, seed=options.seed)
    labels = _label_target(options)
    append = options.append and os.path.lexists(options.out)
    if options.append and options.overwrite:
        raise CaffeMnistError("--append adds to a database, --overwrite replaces it")
    for out in filter(None, (options.out, labels)):
        if not (options.resume or options.overwrite or append) and os.path.lexists(out):
            raise CaffeMnistError(
                "exists already", where=out, hint="--overwrite replaces it, --append adds to it"
            )
        check_receipt(receipt_of(out))
    with progress.at_once():
        found = find_list(options.source, options.root, labels_of(options))
    for text in found.remarks:
        remark(text)
    listing = found.listing
    print(f"{options.source}: {count(listing)}")
    if listing.classes and listing.kind == CLASS:
        known = ", ".join(f"{label} {name}" for label, name in enumerate(listing.classes[:MOST]))
        more = f", … (all {len(listing.classes)} stand in the receipt)"
        print(f"labels: {known}{more if len(listing.classes) > MOST else ''}")
    if options.shuffle:
        listing = shuffled(listing, options.seed)
    arguments = made_with(choices) | arguments_of(listing)
    work = _Append if append else _Make
    target = work(options, choices, progress, labels, workers)
    table = f"{os.path.normpath(options.out)}.skipped.csv"
    ended = target.ended(arguments)
    if ended is not None:
        print(f"{options.out}: complete already, nothing to go on with")
        mine = {entry.name for entry in listing.entries} | {one.name for one in found.left_out}
        skipped = [one for one in ended if one.name in mine]
        before = read_skipped(table) or []
        if not before and skipped:
            write_skipped(table, skipped)
        return end(skipped, options.allow_skips, table)
    try:
        with nothing_readable(table, found.left_out, options.out):
            written = target.write(listing, arguments)
    except (KeyboardInterrupt, SystemExit):
        target.say_kept()
        raise
    skipped = [*found.left_out, *(one for one in written.skipped if one.name)]
    target.receipts(listing, arguments, written, skipped)
    before = (read_skipped(table) or []) if append else []
    if skipped:
        write_skipped(table, [*before, *skipped])
    elif not before and read_skipped(table) is not None:  # of the database that was replaced
        os.unlink(table)
    more = " more" if append else ""
    print(f"{options.out}: {written.records}{more} records")
    if labels is not None:
        print(f"{labels}: {written.records}{more} labels of {listing.width} numbers")
    return end(skipped, options.allow_skips, table)


def _decoding(options: argparse.Namespace) -> Decoding:
    """What the options make of each picture, where one side alone, as there, resizes nothing.

    It has an effect all the same: encoded records are then encoded anew.
    """
    height, width = options.resize_height, options.resize_width
    if bool(height) == bool(width):
        return decoding_of(options)
    remark("one of --resize_height and --resize_width alone resizes nothing")
    options.resize_height = options.resize_width = 0
    return replace(decoding_of(options), height=height, width=width)


def _label_target(options: argparse.Namespace) -> str | None:
    """Where labels that are vectors go; None for labels that stand in the pictures' records."""
    if labels_of(options).kind == CLASS:
        if options.label_db:
            raise CaffeMnistError("--label-db goes with --labels float or --labels multi")
        return None
    target: str = options.label_db or label_path(options.out)
    if os.path.realpath(target) == os.path.realpath(options.out):
        raise CaffeMnistError("is the database of the pictures", where=f"--label-db {target}")
    return target


class _Make:
    """A new database, with that of its labels."""

    def __init__(
        self,
        options: argparse.Namespace,
        choices: Choices,
        progress: Progress,
        labels: str | None,
        workers: Workers,
    ) -> None:
        self.out, self.labels, self.resume = options.out, labels, options.resume
        how = {"overwrite": options.overwrite, "keep_journal": True, "sums": False}
        self._write = writer(choices.decoding, progress, workers, **how)
        self._progress = progress
        self.place: str = options.out
        self._label_records: Written | None = None

    def write(self, listing: Listing, arguments: dict[str, object]) -> Written:
        """The records, and their labels."""
        written = self._write(listing, self.place, self.resume)
        remove_receipt(receipt_of(self.out))
        if self.labels is not None:
            self._label_records = write_label_database(
                listing, self.place, self.labels, overwrite=True
            )
        forget(os.path.realpath(self.place))
        return written

    def receipts(
        self,
        listing: Listing,
        arguments: dict[str, object],
        written: Written,
        skipped: Sequence[Skipped],
    ) -> None:
        """Beside each database, what stands in it."""
        for path, made, why in (
            (self.out, written, skipped),
            (self.labels, self._label_records, NOTHING),
        ):
            if path is None or made is None:
                continue
            name = os.path.basename(os.path.realpath(path))
            shard = make_shard(name, made.records, 0, made.sha256, made.labels)
            one = RecordSet((shard,), listing.classes, made.shape, len(why), arguments)
            write_receipt(receipt_of(path), {TRAIN: one._replace(why=tuple(why))})

    def ended(self, arguments: dict[str, object]) -> Sequence[Skipped] | None:
        """What a run that is to be resumed, and had come to its end, skipped; else None."""
        return None

    def say_kept(self) -> None:
        """Tell what a cut short run left."""
        part = places(os.path.realpath(self.place))[0]
        if os.path.isdir(part):
            print(f"what is done is kept in {part}: --resume goes on", file=sys.stderr)


class _Append(_Make):
    """More records for a database: made aside, then copied in one transaction.

    What a kill leaves aside is gone on with by `--resume`: also where it came between the
    transaction and the receipt. Where it came behind the receipt, nothing is added again.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        choices: Choices,
        progress: Progress,
        labels: str | None,
        workers: Workers,
    ) -> None:
        super().__init__(options, choices, progress, labels, workers)
        folder, name = os.path.split(os.path.realpath(self.out))
        self.place = os.path.join(folder, f".{name[:200]}.append")
        if labels is not None and not os.path.isdir(labels):
            raise CaffeMnistError("there is no such database to append to", where=labels)
        if not self.resume:
            if os.path.isdir(self.place) and has_key(self.out, first_key(self.place)):
                what = "an earlier --append was cut short while it wrote"
                raise CaffeMnistError(what, where=self.out, hint="--resume finishes it")
            forget(self.place)
            remove_folder(self.place)

    def ended(self, arguments: dict[str, object]) -> Sequence[Skipped] | None:
        """That of the database, if the last addition that the receipts tell of is this one."""
        paths = [path for path in (self.out, self.labels) if path is not None]
        if not self.resume or not all(self._is_told(path, arguments) for path in paths):
            return None
        if os.path.isdir(self.place):
            try:
                if not has_key(self.out, first_key(self.place)):
                    return None  # the same list, asked for once more
            except CaffeMnistError:  # half removed
                pass
        self._tidy()
        return [Skipped(*one) for one in self._old(self.out).why]

    def _is_told(self, path: str, arguments: dict[str, object]) -> bool:
        old = self._old(path)
        appended = old.arguments.get("appended")
        if not isinstance(appended, list) or appended[-1:] != [arguments]:
            return False
        with Database(path) as database:
            return len(database) == old.records

    def write(self, listing: Listing, arguments: dict[str, object]) -> Written:
        """The records, and their labels, behind those that are there."""
        old = self._old(self.out)
        check_options(old, arguments, self.out)
        here = os.path.isdir(self.place)
        first = int(first_key(self.place)[:8]) if here else next_number(self.out)
        listing = replace(listing, first=first)
        written = self._write(listing, self.place, self.resume)
        try:
            check_shape(old, written, "height" in arguments, self.out)
        except CaffeMnistError:
            self._tidy()
            raise
        if self.labels is not None:
            self._append_labels(listing)
        append_all(self.out, self.place)
        return written

    def receipts(
        self,
        listing: Listing,
        arguments: dict[str, object],
        written: Written,
        skipped: Sequence[Skipped],
    ) -> None:
        """Read anew what stands in each database, and say what was added."""
        for path, why in ((self.out, skipped), (self.labels, NOTHING)):
            if path is None or (self.resume and self._is_told(path, arguments)):
                continue
            old = self._old(path)
            made = set_of(path, self._progress)
            more = {**old.arguments}
            more["appended"] = [*more.get("appended", []), arguments]
            made = made._replace(
                classes=old.classes or listing.classes,
                arguments=more,
                skipped=old.skipped + len(why),
                why=(*old.why, *why),
            )
            write_receipt(receipt_of(path), {TRAIN: made})
        self._tidy()

    def _tidy(self) -> None:
        forget(self.place)
        remove_folder(self.place)

    def _append_labels(self, listing: Listing) -> None:
        assert self.labels is not None
        aside = f"{self.place}_label"
        write_label_database(listing, self.place, aside, overwrite=True)
        append_all(self.labels, aside)
        remove_folder(aside)

    def _old(self, path: str) -> RecordSet:
        """What the receipt says of a database; nothing where there is none."""
        receipt = receipt_of(path)
        return read_index(receipt).get(TRAIN) if os.path.isfile(receipt) else RecordSet(())
