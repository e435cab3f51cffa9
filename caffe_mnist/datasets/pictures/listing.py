"""What passes between finding pictures, writing them and reporting on them: plain values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMS = ("pairs", "folders", "list", "csv")
# What a picture's label is: the number of a class, numbers as they are, or any of the classes.
CLASS, FLOAT, MULTI = KINDS = ("class", "float", "multi")


@dataclass(frozen=True)
class Labels:
    """What is asked of labels: their kind, and of a table the columns that hold them."""

    kind: str = CLASS
    columns: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One picture: its name, as it goes into the record's key, and its label.

    `values` are the numbers of a float label, or the classes of one of several, ascending. Bytes
    of a name that are no UTF-8 stand in it as `os.fsdecode` puts them.
    """

    name: str
    label: int
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Listing:
    """Pictures in the order of their records; a picture's file is `root + name`.

    `root` is "" or ends with "/". `classes` are the names of the labels 0, 1, …, and empty where
    a list gives nothing but numbers. Record i has number `first + i` in its key.

    Where `kind` is not that of plain classes, each picture has a vector of `width` numbers;
    `value_names` are those that a table gives them.
    """

    root: str
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    form: str
    first: int = 0
    kind: str = CLASS
    width: int = 0
    value_names: tuple[str, ...] = ()

    def vector(self, entry: Entry) -> Sequence[float]:
        """The `width` numbers of a picture's label: its values, or 1 for each of its classes."""
        if self.kind == FLOAT:
            return entry.values
        vector = [0.0] * self.width
        for number in entry.values:
            vector[int(number)] = 1.0
        return vector

    def path(self, entry: Entry) -> str:
        """The picture's file."""
        return self.root + entry.name

    def key(self, index: int) -> bytes:
        """The record's key, as convert_imageset makes it: eight digits, "_" and the name."""
        return b"%08d_" % (self.first + index) + os.fsencode(self.entries[index].name)


@dataclass(frozen=True)
class Decoding:
    """What becomes of each picture; options of the same names in convert_imageset.

    0 leaves a side as it is. `encode_type` ("png", "jpg", …) implies `encoded`; `shorter_side`
    keeps the proportions and is ours.
    """

    height: int = 0
    width: int = 0
    shorter_side: int = 0
    gray: bool = False
    encoded: bool = False
    encode_type: str = ""
    check_size: bool = False


class Skipped(NamedTuple):
    """A picture that became no record, and why: one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Written:
    """What stands in one finished database.

    `labels` counts records by label, `sizes` pictures by (height, width) before any resizing.
    `channels`, `height` and `width` are those of all records, None where they differ; so are
    `sums`, the sums of all records' pixels (C × H × W, as compute_image_mean adds them up):
    divided by `records` they are the mean. `moments` are the sums, and those of the squares, in
    double precision (2 × C × H × W). `sha256` is the digest of all keys and values.
    """

    records: int
    skipped: tuple[Skipped, ...] = ()
    labels: dict[int, int] = field(default_factory=dict)
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    channels: int | None = None
    height: int | None = None
    width: int | None = None
    sums: npt.NDArray[np.float32] | None = None
    moments: npt.NDArray[np.float64] | None = None
    sha256: str = ""

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """C × H × W of all records; None where they differ."""
        if self.channels is None or self.height is None or self.width is None:
            return None
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Found:
    """What a source holds: its pictures, those it cannot give (and why), and remarks on it."""

    listing: Listing
    left_out: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
