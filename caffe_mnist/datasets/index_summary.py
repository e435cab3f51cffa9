"""What a dataset holds, by its index: for a person to read, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from caffe_mnist.datasets.index import Index, RecordSet, check_shard
from caffe_mnist.datasets.summary import Progress, summarise
from caffe_mnist.errors import CaffeMnistError


def lines(index: Index) -> Iterator[str]:
    """The sets of an index, their shards counted but not read.

    Raises CaffeMnistError for a shard that is missing or has another number of records.
    """
    yield f"path: {index.path}"
    for name, one in index.sets.items():
        for shard in one.shards:
            check_shard(index, shard)
        yield f"set {name}: {one.records} records in {_databases(len(one.shards))}"
        yield from _of_set(one)


def faults(index: Index, progress: Progress | None = None) -> Iterator[str]:
    """A line for each broken record, and for each shard that is not as it was made."""
    for one in index.sets.values():
        for shard in one.shards:
            try:
                check_shard(index, shard)
                yield from summarise(index.place(shard), keep_going=True, progress=progress).faults
                check_shard(index, shard, whole=True)
            except CaffeMnistError as error:
                yield str(error)


def _of_set(one: RecordSet) -> Iterator[str]:
    if one.shape is not None:
        yield "  shape: {} x {} x {}".format(*one.shape)
    if one.part is not None:
        yield f"  part: {one.part[0]} of {one.part[1]}"
    if one.skipped:
        yield f"  skipped: {one.skipped}"
    for name, value in one.arguments.items():
        yield f"  {name}: {value}"
    for label, count in one.labels.items():
        known = 0 <= label < len(one.classes)
        yield f"  label {label}{f' ({one.classes[label]})' if known else ''}: {count}"
    for shard in one.shards:
        yield f"  {shard.path}: {shard.records} records, sha256 {shard.sha256[:12]}…"


def _databases(count: int) -> str:
    return f"{count} databases" if count != 1 else "1 database"
