"""Pictures to a record database, equal to that of Caffe's `convert_imageset` for the same list.

The database appears whole or not at all; what a killed run has done is kept aside for another
run that is to go on with it (see journal.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.pictures.crew import CHUNK, Crew, Part
from caffe_mnist.datasets.pictures.exchange import Record, Shape
from caffe_mnist.datasets.pictures.journal import Done, Journal, Line, forget
from caffe_mnist.datasets.pictures.kept import KeptWriter, identity, records_in
from caffe_mnist.datasets.pictures.listing import Decoding, Listing, Skipped, Written
from caffe_mnist.datasets.pictures.sums import Sums
from caffe_mnist.datasets.pictures.workers import Workers
from caffe_mnist.errors import CaffeMnistError

__all__ = ["NoRecordsError", "forget", "write_pictures"]

# Called with the database's name, the pictures dealt with and all there are. What it raises ends
# the work.
Progress = Callable[[str, int, int], None]

LONGEST_KEY = 511  # LMDB's
# From here on keys have nine digits and no longer stand in the order of their numbers.
COUNTED_IN_ORDER = 10**8
# Seconds between two savings of the sums; what is not saved is added up again from the records.
SAVE_EVERY = 10.0


class NoRecordsError(CaffeMnistError):
    """Not one picture became a record: there is no database. `skipped` tells why."""

    def __init__(self, skipped: tuple[Skipped, ...], where: object) -> None:
        first = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        super().__init__(f"none of {len(skipped)} pictures can be read{first}", where=where)
        self.skipped = skipped


def write_pictures(
    listing: Listing,
    out: str | os.PathLike[str],
    decoding: Decoding,
    *,
    workers: Workers | int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    keep_journal: bool = False,
    checksum: bool = True,
    sums: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write the database `out` of the pictures of `listing`; what stands in it.

    Pictures are decoded by `workers`, or so many, without by one process for each core; the bytes
    of the database are the same. `resume` goes on with what an earlier run left, and begins where
    there is nothing. `keep_journal` keeps what a later run needs to know that this database is
    finished: for a caller that has more to write, and then calls `forget`. Without `checksum`
    or `sums` there are none.

    Raises NoRecordsError, and CaffeMnistError for a target that cannot be written and for
    leftovers of other pictures or options. After a failure what is committed stays beside `out`,
    for `resume` or to be removed by the next run; what was at `out` is untouched.
    """
    if find_spec("cv2") is None:
        raise CaffeMnistError(
            "reading pictures needs OpenCV", hint="pip install 'caffe-mnist[images]'"
        )
    if not listing.entries:
        raise CaffeMnistError("there are no pictures", where=listing.root or None)
    target = os.path.realpath(out)
    with contextlib.closing(Journal(target, listing, decoding)) as journal:
        left = _left(journal, target) if resume else None
        work = _Work(listing, decoding, journal, left or Done(), checksum, sums)
        if left is not None and left.complete:
            with Database(target) as database:
                work.catch_up(database.records())
        else:
            with (
                KeptWriter(out, journal, fresh=left is None, overwrite=overwrite) as writer,
                _workers(workers) as hands,
            ):
                work.run(writer, hands, progress)
        if not keep_journal:
            forget(target)
    return work.written()


class _Work:
    """One conversion, from the picture on that follows those that are done."""

    def __init__(
        self,
        listing: Listing,
        decoding: Decoding,
        journal: Journal,
        done: Done,
        checksum: bool,
        sums: bool,
    ) -> None:
        self._listing = listing
        self._decoding = decoding
        self._journal = journal
        self._done = done
        self._digest = hashlib.sha256() if checksum else None
        self.sums = Sums.load(journal.sums, done.records) if sums and done.records else Sums()
        if not sums:
            self.sums.give_up()

    def catch_up(self, records: Iterable[tuple[bytes, memoryview]]) -> None:
        """Take the records of an earlier run into the sums and the digest."""
        known = self._digested(records)
        self.sums.catch_up(known)
        deque(known, maxlen=0)

    def run(self, writer: KeptWriter, workers: Workers, progress: Progress | None) -> None:
        """Write all records that are not there yet, and sync them."""
        _keep_memory()
        try:
            if self._done.records:
                self.catch_up(writer.records())
            count = max(1, min(workers.count, -(-len(self._listing.entries) // CHUNK)))
            with Crew(self._listing, self._decoding, count, workers) as crew:
                self._fill(crew, writer, progress)
            if not self._done.records:
                raise NoRecordsError(self._skipped(), writer.path)
            self.sums.save(self._journal.sums)
            writer.finish()
        except BaseException as error:
            if not self._done.records:
                forget(writer.path)
                raise
            self.sums.save(self._journal.sums)
            if isinstance(error, CaffeMnistError) and not error.hint:
                error.hint = "--resume goes on from where it ended"
            raise

    def written(self) -> Written:
        """What stands in the database now."""
        done, entries = self._done, self._listing.entries
        labels = Counter(entry.label for entry in entries)
        labels.subtract(Counter(entries[number].label for number in done.skipped))
        one = done.shapes[0] if len(done.shapes) == 1 else (None, None, None)
        return Written(
            records=done.records,
            skipped=self._skipped(),
            labels={label: labels[label] for label in sorted(labels) if labels[label]},
            sizes=dict(sorted(done.sizes.items())),
            channels=one[0],
            height=one[1],
            width=one[2],
            sums=self.sums.total,
            moments=self.sums.moments,
            sha256=self._digest.hexdigest() if self._digest else "",
        )

    def _fill(self, crew: Crew, writer: KeptWriter, progress: Progress | None) -> None:
        total = len(self._listing.entries)
        append = self._listing.first + total <= COUNTED_IN_ORDER
        name, saved = os.path.basename(writer.path), time.monotonic()
        if progress is not None:
            progress(name, self._done.following, total)
        for part in crew.parts(self._done.following):
            records, line = self._good(part)
            self._journal.note(line)
            if records:
                values = [(self._key(one), part.view(one.at, one.size)) for one in records]
                writer.put(values, append=append)
                deque(self._digested(values), maxlen=0)
                self._add(part, records, crew)
            self._done.add(line)
            if time.monotonic() - saved > SAVE_EVERY:
                self.sums.save(self._journal.sums)
                saved = time.monotonic()
            if progress is not None:
                progress(name, self._done.following, total)

    def _digested(
        self, records: Iterable[tuple[bytes, memoryview]]
    ) -> Iterator[tuple[bytes, memoryview]]:
        """The records, each added to the digest, as `index.digest` does."""
        for key, value in records:
            if self._digest is not None:
                self._digest.update(key)
                self._digest.update(value)
            yield key, value

    def _add(self, part: Part, records: list[Record], crew: Crew) -> None:
        """Add the records' pixels to the sums."""
        if self.sums.mixed:
            crew.no_sums()
            return
        rows = part.rows(records)
        if rows is not None:
            self.sums.add_rows(rows, records[0].shape)
        else:
            for record in records:
                if record.pixels is None:
                    self.sums.give_up()
                else:
                    at, shape = record.pixels
                    self.sums.add(part.view(at, shape[0] * shape[1] * shape[2]), shape)
        if self.sums.mixed:
            crew.no_sums()

    def _good(self, part: Part) -> tuple[list[Record], Line]:
        """The records of a part that are to be written, and its line in the journal."""
        good, skipped = [], list(part.skipped)
        shapes = list(self._done.shapes)
        for record in part.records:
            reason = self._fault(record, shapes)
            if reason:
                skipped.append((record.number, reason))
                continue
            good.append(record)
            if record.shape not in shapes:
                shapes.append(record.shape)
        sides = Counter(record.sides for record in good)
        sizes = [(*side, count) for side, count in sides.items()]
        return good, Line(part.following, len(good), sorted(skipped), sizes, shapes[:2])

    def _fault(self, record: Record, shapes: list[Shape]) -> str | None:
        """Why a picture that was decoded becomes no record."""
        if len(self._key(record)) > LONGEST_KEY:
            return f"its name is too long for a key: {len(self._key(record)) - 9} bytes"
        if self._decoding.check_size and shapes and record.shape != shapes[0]:
            return f"{_shown(record.shape)}, unlike {_shown(shapes[0])} of the first"
        return None

    def _key(self, record: Record) -> bytes:
        return self._listing.key(record.number)

    def _skipped(self) -> tuple[Skipped, ...]:
        names = self._listing.entries
        return tuple(Skipped(names[n].name, why) for n, why in sorted(self._done.skipped.items()))


def _left(journal: Journal, target: str) -> Done | None:
    """What an earlier run did; None if nothing that can be gone on with."""
    records = records_in(journal.part)
    done = journal.resume(records, identity(target))
    if records is None and done is not None and not done.complete:
        return None
    return done


def _workers(workers: Workers | int | None) -> contextlib.AbstractContextManager[Workers]:
    """The workers for one database, who are ended after it unless they are the caller's."""
    if isinstance(workers, Workers):
        return contextlib.nullcontext(workers)
    return Workers(workers)


def _shown(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _keep_memory() -> None:
    """Let the C library keep what LMDB gives back for the next records: fresh memory is slow."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        trim_threshold, mmap_threshold = -1, -3
        set_option(trim_threshold, 2**27)
        set_option(mmap_threshold, 2**25)
