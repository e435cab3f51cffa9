"""Joining what several machines made: parts of a dataset, datasets or databases (`convert merge`).

Nothing is copied unless one database is asked for: the new index names the old databases. Every
byte is read and compared with the checksums first.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from caffe_mnist.datasets.chosen import Record
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.datasets.deviation import STD, add_moments, read_moments, write_whole_deviation
from caffe_mnist.datasets.index import (
    NAME,
    TRAIN,
    Index,
    RecordSet,
    Shard,
    check_shard,
    digest,
    make_shard,
    read_index,
    write_index,
)
from caffe_mnist.datasets.parts import common, find_parts, together, whole
from caffe_mnist.datasets.pictures.listing import FLOAT, Skipped
from caffe_mnist.datasets.pictures.skipped import write_skipped
from caffe_mnist.datasets.receipt import check_receipt, receipt_of, remove_receipt, write_receipt
from caffe_mnist.datasets.shards import MEAN, Share, add_sums, read_sums, write_whole_mean
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from caffe_mnist.datasets.deviation import Moments

# Called with a database's name, its records so far and in all.
Progress = Callable[[str, int, int], None]
# Records are written together up to so many bytes.
BATCH_BYTES = 16 << 20
# Keys of nine digits no longer stand in the order of their numbers.
MOST_RECORDS = 10**8
# Labels that are mere numbers get a line each in labels.txt up to here.
MOST_NUMBERS = 100_000
SUMS = ".binaryproto"


def merge(out: str, paths: Sequence[str], progress: Progress, *, overwrite: bool = False) -> Index:
    """Write the index of what is at `paths` to the folder `out`, with mean and classes.

    An `out` that is called .json is the index's own name. Raises CaffeMnistError for what does
    not belong together or is not as it was made, and for another index there unless that is to
    be replaced; then nothing is written.
    """
    out, file = os.path.split(out) if out.endswith(".json") else (out, NAME)
    out = out or "."
    given = _given(paths, progress)
    chosen = {name: _chosen(given, name) for name in next(iter(given.values())).sets}
    sets = {}
    for name, ones in chosen.items():
        places = [_places(given[path], one, out, progress) for path, one in ones]
        sets[name] = whole([one for _, one in ones], places)
    index = os.path.join(out, file)
    if os.path.exists(index) and not overwrite and dict(read_index(index).sets) != sets:
        raise CaffeMnistError("exists already", where=index, hint="--overwrite replaces it")
    sums = _sums(chosen[TRAIN]) if TRAIN in chosen else None
    moments = _moments(chosen[TRAIN]) if sums is not None else None
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=out) from None
    if TRAIN in sets:
        write_whole_mean(out, sums, sets[TRAIN].records)
        write_whole_deviation(out, moments, sets[TRAIN].records)
    _write_classes(out, sets.values())
    parts = [path for path, one in next(iter(chosen.values())) if one.part]
    why = [Skipped(*each) for one in sets.values() for each in one.why]
    if parts and why:
        write_skipped(os.path.join(out, "skipped.csv"), why)
    else:
        _join_skipped(out, parts)
    write_index(index, sets)
    return read_index(index)


def merge_into_one(
    out: str, paths: Sequence[str], name: str, progress: Progress, *, overwrite: bool = False
) -> int:
    """Copy set `name` of what is at `paths` into the one LMDB `out`; the number of its records.

    Keys stay as they are where they ascend all through, otherwise they are numbered anew.
    Raises CaffeMnistError as `merge` does; then there is no database.
    """
    if os.path.lexists(out) and not overwrite:
        raise CaffeMnistError("exists already", where=out, hint="--overwrite replaces a database")
    receipt, total_digest = receipt_of(out), hashlib.sha256()
    check_receipt(receipt)
    given = _given(paths, progress)
    ones = _chosen(given, name)
    total = sum(one.records for _, one in ones)
    if total > MOST_RECORDS:
        raise CaffeMnistError(f"{total} records are too many for one database", where=out)
    shards = [(given[path], shard) for path, one in ones for shard in one.shards]
    for index, shard in shards:
        check_shard(index, shard)
    anew = not _ascend([index.place(shard) for index, shard in shards])
    with DatabaseWriter(out, overwrite=overwrite) as writer:
        for index, shard in shards:
            with Database(index.place(shard)) as database:
                records = _watched(database.records(), shard.path, shard.records, progress)
                if digest(_copied(records, writer, anew, total_digest)) != shard.sha256:
                    what = f"the shard {shard.path} is not as it was made"
                    raise CaffeMnistError(what, where=index.path)
        remove_receipt(receipt)
    alike = common([one for _, one in ones])
    labels = RecordSet(tuple(shard for _, shard in shards)).labels
    name = os.path.basename(os.path.realpath(out))
    shard = make_shard(name, writer.written, 0, total_digest.hexdigest(), labels)
    write_receipt(receipt, {TRAIN: alike._replace(shards=(shard,))})
    return writer.written


def _given(paths: Sequence[str], progress: Progress) -> dict[str, Index]:
    """The indexes at `paths` by their paths; databases by themselves as indexes of one."""
    found = {
        path: read_index(path) if path.endswith(".json") else _index_of(path, progress)
        for path in find_parts(paths)
    }
    if not found:
        raise CaffeMnistError("nothing to merge", hint="give indexes or databases")
    first = next(iter(found.values()))
    for path, index in found.items():
        if set(index.sets) != set(first.sets):
            names, others = (", ".join(one.sets) for one in (index, first))
            what = f"has the sets {names}; {first.path} has {others}"
            raise CaffeMnistError(what, where=path)
    return found


def _chosen(given: Mapping[str, Index], name: str) -> list[tuple[str, RecordSet]]:
    return together([(path, index.get(name)) for path, index in given.items()])


def set_of(path: str, progress: Progress) -> RecordSet:
    """What stands in a database by itself, read through."""
    return _index_of(path, progress).get(TRAIN)


def _index_of(path: str, progress: Progress) -> Index:
    """A database by itself, read through, as an index that would lie beside it."""
    labels: Counter[int] = Counter()
    shapes = set()
    folder, name = os.path.split(os.path.abspath(path))
    with Database(path) as database:

        def read() -> Iterator[Record]:
            for key, value in database.records():
                datum = decode(value, key, path)
                encoded = not isinstance(datum, Image) and datum.encoded
                size = (datum.channels, datum.height, datum.width)
                shapes.add(None if encoded else size)
                labels[datum.label] += 1
                yield key, value

        checksum = digest(_watched(read(), name, len(database), progress))
        shard = make_shard(name, len(database), 0, checksum, labels)
    shape = shapes.pop() if len(shapes) == 1 else None
    return Index(os.path.join(folder, f"{name}.json"), {TRAIN: RecordSet((shard,), shape=shape)})


def _places(index: Index, one: RecordSet, out: str, progress: Progress) -> dict[str, str]:
    """The shards' paths as an index in `out` names them, after their checksums are compared."""
    found = {}
    for shard in one.shards:
        _check(index, shard, progress)
        place = os.path.realpath(index.place(shard))
        found[shard.path] = os.path.relpath(place, os.path.realpath(out)).replace(os.sep, "/")
    return found


def _check(index: Index, shard: Shard, progress: Progress) -> None:
    check_shard(index, shard)
    with Database(index.place(shard)) as database:
        name = os.path.basename(shard.path)
        if digest(_watched(database.records(), name, shard.records, progress)) != shard.sha256:
            raise CaffeMnistError(f"the shard {shard.path} is not as it was made", where=index.path)


def _watched(
    records: Iterable[Record], name: str, total: int, progress: Progress
) -> Iterator[Record]:
    for number, record in enumerate(records, 1):
        yield record
        if number % 1000 == 0 or number == total:
            progress(name, number, total)


def _sums(ones: Sequence[tuple[str, RecordSet]]) -> npt.NDArray[np.float32] | None:
    """The sums of all pixels, of what lies beside the indexes; None if some of it does not."""
    found = []
    for path, one in ones:
        if not path.endswith(".json"):
            return None
        name = MEAN if one.part is None else Share(one.part[1]).name("sums", one.part[0], SUMS)
        file = os.path.join(os.path.dirname(path), name)
        if not os.path.isfile(file):
            return None
        factor = one.records if one.part is None else 1
        found.append(read_sums(file).astype("float64") * factor)
    return add_sums(found)


def _moments(ones: Sequence[tuple[str, RecordSet]]) -> Moments | None:
    """The sums of all pixels and of their squares: parts left them, of whole datasets they follow
    from mean and deviation."""
    import numpy as np

    found: list[Moments | None] = []
    for path, one in ones:
        folder = os.path.dirname(path)
        if one.part is not None:
            file = os.path.join(folder, Share(one.part[1]).name("moments", one.part[0], SUMS))
            found.append(read_moments(file) if os.path.isfile(file) else None)
        elif os.path.isfile(os.path.join(folder, STD)):
            mean, std = (
                read_sums(os.path.join(folder, name)).astype(np.float64) for name in (MEAN, STD)
            )
            found.append(np.stack([mean, std**2 + mean**2]) * one.records)
        else:
            found.append(None)
    return add_moments(found)


def _write_classes(out: str, sets: Iterable[RecordSet]) -> None:
    """A line for each label from 0 on: its class, or its number where classes have no names."""
    ones = list(sets)
    labels = sorted(label for one in ones for label in one.labels)
    names: Sequence[str] = next((one.classes for one in ones if one.classes), ())
    if ones[0].arguments.get("labels") == FLOAT:
        return
    if not names and (labels[0] < 0 or labels[-1] >= MOST_NUMBERS):
        return
    with replacing(os.path.join(out, "labels.txt")) as aside:
        lines = names or [str(label) for label in range(labels[-1] + 1)]
        text = "".join(f"{line}\n" for line in lines)
        aside.write_bytes(text.encode("utf-8", "surrogateescape"))


def _join_skipped(out: str, parts: Sequence[str]) -> None:
    """The tables `skipped-I-of-N.csv` beside the parts as one, under the head of the first.

    For parts whose own index, as older ones, only counts what was skipped.
    """
    head, rows = b"", []
    for path in parts:
        table = re.sub(r"dataset(-[^/]*)\.json\Z", r"skipped\1.csv", path)
        if table == path or not os.path.isfile(table):
            continue
        with open(table, "rb") as file:
            head = file.readline()
            rows.append(file.read())
    if rows:
        with replacing(os.path.join(out, "skipped.csv")) as aside:
            aside.write_bytes(head + b"".join(rows))


def _ascend(places: Sequence[str]) -> bool:
    """Whether each database's first key stands behind the last one of the database before."""
    before = b""
    for place in places:
        with Database(place) as database:
            first, _ = next(iter(database.records()))
            if before and first <= before:
                return False
            before, _ = next(iter(database.records(len(database) - 1)))
    return True


def _copied(
    records: Iterable[Record], writer: DatabaseWriter, anew: bool, total: hashlib._Hash
) -> Iterator[Record]:
    """The records as they are, each also written and added to `total` as it is written; all are
    when the last one was taken."""
    batch: list[tuple[bytes, bytes]] = []
    size = 0
    for key, value in records:
        yield key, value
        new = _renumbered(writer.written + len(batch), key) if anew else key
        batch.append((new, bytes(value)))
        total.update(new)
        total.update(value)
        size += len(value)
        if size > BATCH_BYTES:
            writer.put(batch)
            batch, size = [], 0
    if batch:
        writer.put(batch)


def _renumbered(number: int, key: bytes) -> bytes:
    """The number in eight digits, and what stood behind the old one."""
    return b"%08d" % number + (key[8:] if key[:8].isdigit() else b"_" + key)
