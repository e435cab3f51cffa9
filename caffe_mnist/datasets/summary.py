"""What a database holds: counts, sizes and labels, and which of its records are broken."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.errors import CaffeMnistError

# Called with a database's name, its records so far and in all.
Progress = Callable[[str, int, int], None]
PICTURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG"}


@dataclass
class Summary:
    """A database read from one end to the other.

    `shapes` and `labels` say how many records have each; a shape is text, as `1 x 28 x 28 uint8`.
    Records of floats without a label, as databases of labels hold, count for no label.
    `faults` holds one line for each broken record.
    """

    path: str
    bytes: int
    records: int = 0
    first_key: str = ""
    last_key: str = ""
    shapes: Counter[str] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The summary for a person to read."""
        yield f"path: {self.path}"
        yield f"records: {self.records}"
        yield f"keys: {self.first_key} to {self.last_key}"
        yield f"size: {self.bytes} bytes ({self.bytes / 2**20:.1f} MiB)"
        for shape, count in self.shapes.most_common():
            yield f"shape: {shape} ({count} records)"
        for label, count in sorted(self.labels.items()):
            yield f"label {label}: {count}"


def summarise(
    path: str | os.PathLike[str],
    *,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Read every record of the database `path`.

    A broken record raises CaffeMnistError, as a path that is no database does; with
    `keep_going` it becomes one of the summary's faults and every record's bytes are read.
    """
    with Database(path) as database:
        data = os.stat(os.path.join(database.path, "data.mdb"))
        found = Summary(database.path, data.st_size)
        name, total = os.path.basename(os.path.realpath(database.path)), len(database)
        before = b""
        try:
            for key, value in database.records():
                _add(found, key, value, keep_going)
                if before >= key and found.records > 1:
                    raise CaffeMnistError(f"key {_text(key)} is out of order", where=path)
                before = key
                if progress is not None and found.records % 1000 == 0:
                    progress(name, found.records, total)
            if found.records != total:
                raise CaffeMnistError(
                    f"{found.records} records where the database counts {total}", where=path
                )
        except CaffeMnistError as error:
            if not keep_going:
                raise
            found.faults.append(str(error))
        return found


def _add(found: Summary, key: bytes, value: memoryview, keep_going: bool) -> None:
    found.records += 1
    found.last_key = _text(key)
    found.first_key = found.first_key or found.last_key
    try:
        record = decode(bytes(value) if keep_going else value, key, found.path)
    except CaffeMnistError as error:
        if not keep_going:
            raise
        found.faults.append(str(error))
        return
    if isinstance(record, Image) or record.HasField("label") or not record.float_data:
        found.labels[record.label] += 1
    if not isinstance(record, Image) and record.encoded:
        kinds = (kind for start, kind in PICTURES.items() if record.data.startswith(start))
        found.shapes[f"encoded {next(kinds, 'image')}"] += 1
        return
    kind = "uint8" if isinstance(record, Image) else "float"
    found.shapes[f"{record.channels} x {record.height} x {record.width} {kind}"] += 1


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
