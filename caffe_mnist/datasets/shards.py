"""A dataset in several databases: each holds a range of the pictures, and any machine makes it.

Shard I of N holds the pictures from I·L/N to (I+1)·L/N of a list of L; its keys carry the numbers
that the pictures have in the whole list. So nobody has to know what the others do, and the
shards read one after the other are the one database. Beside each shard of a part lie the sums of
its pixels (`sums-I-of-N.binaryproto`), of which the mean of all is made.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.deviation import add_moments, write_moments, write_whole_deviation
from caffe_mnist.datasets.index import NAME, TRAIN, RecordSet, digest, make_shard, write_index
from caffe_mnist.datasets.pictures.listing import CLASS, Listing, Skipped, Written
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MEAN = "mean.binaryproto"
MOST = 99_999

# Writes a listing as the database at a path, and tells what it wrote.
Write = Callable[[Listing, str], Written]


@dataclass(frozen=True)
class Share:
    """Which databases are made here: one without shards (`of` 0), all of N, or number I of N."""

    of: int = 0
    number: int | None = None

    @property
    def numbers(self) -> Sequence[int]:
        """The shards to make."""
        return range(max(self.of, 1)) if self.number is None else [self.number]

    def name(self, start: str, number: int, end: str = "") -> str:
        """`start-I-of-N`, or `start` alone without shards."""
        return start + (f"-{number:05d}-of-{self.of:05d}" if self.of else "") + end


def parse_share(shards: int | None, shard: str | None) -> Share:
    """The options `--shards N` and `--shard I/N`; raises CaffeMnistError for what is neither."""
    if shards is not None and shard is not None:
        raise CaffeMnistError("--shards makes all of them, --shard one", where=f"--shard {shard}")
    if shards is not None and not 1 <= shards <= MOST:
        raise CaffeMnistError(f"from 1 to {MOST} are possible", where=f"--shards {shards}")
    if shard is None:
        return Share(shards or 0)
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", shard, re.ASCII)
    if not match:
        raise CaffeMnistError("is no I/N", where=f"--shard {shard}", hint="as in --shard 0/4")
    number, of = map(int, match.groups())
    if not 1 <= of <= MOST:
        raise CaffeMnistError(f"from 1 to {MOST} are possible", where=f"--shard {shard}")
    if number >= of:
        what = f"of {of} shards the numbers are 0 to {of - 1}"
        raise CaffeMnistError(what, where=f"--shard {shard}")
    return Share(of, number)


def part(listing: Listing, number: int, of: int) -> Listing:
    """The pictures of shard `number` of `of`; with `of` 0, all of them."""
    if not of:
        return listing
    count = len(listing.entries)
    start, end = number * count // of, (number + 1) * count // of
    return replace(listing, entries=listing.entries[start:end], first=listing.first + start)


def write_sets(
    sets: Mapping[str, Listing],
    out_dir: str,
    write: Write,
    share: Share,
    arguments: Mapping[str, Any],
    left_out: Sequence[Skipped] = (),
) -> dict[str, Written]:
    """Make the databases of `share` in `out_dir`, and what belongs to them; what they hold.

    Set `train` becomes `train_lmdb` (or `train_lmdb-I-of-N`), with the mean of its pictures and
    the index of all sets. Labels that are vectors stand beside it, in the set `train_label`. One
    shard alone gets a part of the index (`dataset-I-of-N.json`) and its sums instead, for
    `convert merge`. `arguments` are what made the records what they are: parts of one dataset
    must agree in them. `left_out` are pictures that the source named in vain: the first
    set's index tells of them, too. Raises CaffeMnistError for more shards than pictures.
    """
    for name, listing in sets.items():
        if len(listing.entries) < share.of:
            what = f"{share.of} shards of {len(listing.entries)} pictures (set {name})"
            raise CaffeMnistError(what, where=out_dir, hint="make fewer")
    written = {
        name: [_write(name, listing, out_dir, write, share, k) for k in share.numbers]
        for name, listing in sets.items()
    }
    labels = {
        f"{name}_label": [_write_labels(name, listing, out_dir, share, k) for k in share.numbers]
        for name, listing in sets.items()
        if listing.kind != CLASS
    }
    found: dict[str, RecordSet] = {}
    for name, ones in {**written, **labels}.items():
        listing = sets[name[: -len("_label")] if name in labels else name]
        one = _set(name, listing, out_dir, share, ones)
        if not found:
            one = one._replace(skipped=one.skipped + len(left_out), why=(*left_out, *one.why))
        found[name] = one._replace(arguments={**arguments, **one.arguments})
    if TRAIN in written:
        _write_mean(out_dir, share, written[TRAIN])
    index = NAME if share.number is None else share.name("dataset", share.number, ".json")
    write_index(os.path.join(out_dir, index), found)
    return {name: together(ones) for name, ones in written.items()}


def together(parts: Iterable[Written]) -> Written:
    """What several databases hold, as if they were one; sums stay away where one has none."""
    parts = list(parts)
    labels: Counter[int] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    for one in parts:
        labels.update(one.labels)
        sizes.update(one.sizes)
    shapes = {(one.channels, one.height, one.width) for one in parts}
    channels, height, width = shapes.pop() if len(shapes) == 1 else (None, None, None)
    return Written(
        sum(one.records for one in parts),
        tuple(skipped for one in parts for skipped in one.skipped),
        dict(sorted(labels.items())),
        dict(sorted(sizes.items())),
        channels,
        height,
        width,
        add_sums([one.sums for one in parts]),
        add_moments([one.moments for one in parts]),
    )


def add_sums(parts: Sequence[npt.NDArray[Any] | None]) -> npt.NDArray[np.float32] | None:
    """Sums of pixels added up, in double precision and in the order given; None if one is not
    there or of another shape."""
    import numpy as np

    if any(one is None or one.shape != parts[0].shape for one in parts):  # type: ignore[union-attr]
        return None
    total = np.zeros(parts[0].shape, np.float64)  # type: ignore[union-attr]
    for one in parts:
        total += one
    return total.astype(np.float32)


def arguments_of(listing: Listing) -> dict[str, Any]:
    """What tells one list from another, in an index."""
    found: dict[str, Any] = {"pictures": len(listing.entries), "list": list_digest(listing)}
    if listing.kind != CLASS:
        found.update(labels=listing.kind, vector=listing.width)
    if listing.value_names:
        found["names"] = list(listing.value_names)
    return found


def list_digest(listing: Listing) -> str:
    """A checksum of a whole list: parts made of different lists do not belong together."""
    total = hashlib.sha256()
    for entry in listing.entries:
        total.update(os.fsencode(entry.name) + b"\0%d\n" % entry.label)
        if listing.kind != CLASS:
            total.update(repr(entry.values).encode("ascii") + b"\n")
    return total.hexdigest()


def read_sums(path: str) -> npt.NDArray[np.float32]:
    """Sums of pixels that `write_sets` left, C × H × W; raises CaffeMnistError if they are none."""
    from caffe_mnist.schema.packed import numbers, read_packed, shape

    blob = read_packed(path, "BlobProto")
    sizes = shape(blob)
    if len(sizes) != 4 or sizes[0] != 1:
        raise CaffeMnistError(f"holds no sums of pictures, but a blob of {sizes}", where=path)
    return numbers(blob, path).reshape(sizes[1:])


def write_whole_mean(out_dir: str, sums: npt.NDArray[np.float32] | None, records: int) -> None:
    """The mean of all records in `out_dir`; without sums none, and an older one goes."""
    from caffe_mnist.datasets.mean import write_mean

    path = os.path.join(out_dir, MEAN)
    if sums is not None:
        write_mean(path, sums / sums.dtype.type(records))
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _write(
    name: str, listing: Listing, out_dir: str, write: Write, share: Share, number: int
) -> Written:
    path = os.path.join(out_dir, share.name(f"{name}_lmdb", number))
    return write(part(listing, number, share.of), path)


def _write_labels(name: str, listing: Listing, out_dir: str, share: Share, number: int) -> Written:
    from caffe_mnist.datasets.pictures.label_database import label_path, write_label_database

    pictures = os.path.join(out_dir, share.name(f"{name}_lmdb", number))
    here = part(listing, number, share.of)
    return write_label_database(here, pictures, label_path(pictures), overwrite=True)


def _set(
    name: str, listing: Listing, out_dir: str, share: Share, ones: Sequence[Written]
) -> RecordSet:
    shards = []
    for number, one in zip(share.numbers, ones):
        path = share.name(f"{name}_lmdb", number)
        checksum = one.sha256
        if not checksum:
            with Database(os.path.join(out_dir, path)) as database:
                checksum = digest(database.records())
        first = part(listing, number, share.of).first
        shards.append(make_shard(path, one.records, first, checksum, one.labels))
    whole = together(ones)
    return RecordSet(
        tuple(shards),
        listing.classes,
        whole.shape,
        len(whole.skipped),
        arguments_of(listing),
        None if share.number is None else (share.number, share.of),
        whole.skipped,
    )


def _write_mean(out_dir: str, share: Share, ones: Sequence[Written]) -> None:
    from caffe_mnist.datasets.mean import write_mean

    whole = together(ones)
    if share.number is None:
        write_whole_mean(out_dir, whole.sums, whole.records)
        write_whole_deviation(out_dir, whole.moments, whole.records)
    elif whole.sums is not None:
        path = os.path.join(out_dir, share.name("sums", share.number, ".binaryproto"))
        write_mean(path, whole.sums)
        if whole.moments is not None:
            name = share.name("moments", share.number, ".binaryproto")
            write_moments(os.path.join(out_dir, name), whole.moments)
