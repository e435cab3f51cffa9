"""The report on a dataset of pictures (`report.json`): how many of each class, how large, what
is missing."""

from __future__ import annotations

import contextlib
import json
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from caffe_mnist.datasets.deviation import channel_averages, channel_deviations
from caffe_mnist.datasets.pictures.listing import CLASS, FLOAT, MULTI, Listing, Skipped, Written
from caffe_mnist.files import replacing

VERSION = 1
COMMONEST = 10


@dataclass(frozen=True)
class Made:
    """What was made of a source: its sets by name, and all that was skipped or remarked."""

    form: str
    classes: tuple[str, ...]
    sets: Mapping[str, tuple[Listing, Written]]
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What the labels are."""
        return next((listing.kind for listing, _ in self.sets.values()), CLASS)

    @property
    def records(self) -> int:
        """The records of all sets."""
        return sum(written.records for _, written in self.sets.values())

    def class_name(self, label: int) -> str:
        """A label's class; the label itself where classes have no names."""
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)

    def labels(self) -> list[int]:
        """All labels that have a class or a record, in order."""
        used = {label for _, written in self.sets.values() for label in written.labels}
        return sorted(used | set(range(len(self.classes))))


def recounted(listing: Listing, written: Written) -> Written:
    """`written`, its labels counted by all classes of a picture where it may be of several."""
    if listing.kind != MULTI:
        return written
    gone = {one.name for one in written.skipped}
    labels = Counter(
        int(number)
        for entry in listing.entries
        if entry.name not in gone
        for number in entry.values
    )
    return replace(written, labels=dict(sorted(labels.items())))


def write_report(path: str | os.PathLike[str], made: Made, files: Sequence[str]) -> None:
    """Write the report; `files` are the names of all that belongs to the dataset."""
    text = json.dumps(report(made, files), indent=2, ensure_ascii=False)
    with replacing(path) as aside:
        # What a name's stray bytes become is JSON's own way of writing them.
        aside.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def report(made: Made, files: Sequence[str]) -> dict[str, Any]:
    """The report as JSON will hold it; the same for the same pictures, whenever it is made."""
    sizes: Counter[tuple[int, int]] = Counter()
    for _, written in made.sets.values():
        sizes.update(written.sizes)
    return {
        "version": VERSION,
        "form": made.form,
        "records": made.records,
        "sets": {name: written.records for name, (_, written) in made.sets.items()},
        "classes": [
            {
                "label": label,
                "name": made.class_name(label),
                "records": {
                    name: written.labels.get(label, 0) for name, (_, written) in made.sets.items()
                },
            }
            for label in made.labels()
            if made.kind != FLOAT
        ],
        **({"values": list(_values(made))} if made.kind == FLOAT else {}),
        "height": spread(_counted(sizes, lambda height, width: height)),
        "width": spread(_counted(sizes, lambda height, width: width)),
        "aspect": spread(_counted(sizes, lambda height, width: round(width / height, 4))),
        "sizes": [
            {"height": height, "width": width, "pictures": -count}
            for count, height, width in sorted((-n, *size) for size, n in sizes.items())[:COMMONEST]
        ],
        "pixels": _pixels(made),
        "bytes": _file_sizes(made),
        "skipped": [one._asdict() for one in made.skipped],
        "remarks": list(made.remarks),
        "files": sorted(files),
    }


def spread(counts: Mapping[float, int]) -> dict[str, float] | None:
    """Smallest, median and largest of values that occur so many times."""
    values = sorted(counts)
    if not values:
        return None
    half, passed = sum(counts.values()) / 2, 0
    median = values[-1]
    for value in values:
        passed += counts[value]
        if passed >= half:
            median = value
            break
    return {"min": values[0], "median": median, "max": values[-1]}


def class_table(made: Made, most: int = 30) -> list[str]:
    """Lines with the records of each class and set; of many classes only the ends.

    Of labels that are numbers, the smallest, mean and largest of each.
    """
    labels, names = made.labels(), list(made.sets)
    head = ["class", *names]
    rows = [
        [made.class_name(label), *(str(made.sets[name][1].labels.get(label, 0)) for name in names)]
        for label in labels
    ]
    rows.append(["all", *(str(made.sets[name][1].records) for name in names)])
    if made.kind == FLOAT:
        head = ["label", "min", "mean", "max"]
        rows = [[f"{one[name]:.6g}" for name in head[1:]] for one in _values(made)]
        rows = [[one["name"], *row] for one, row in zip(_values(made), rows)]
    if len(rows) > most:
        rows[most // 2 : -most // 2] = [["…", *("" for _ in head[1:])]]
    rows.insert(0, head)
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def _values(made: Made) -> Iterator[dict[str, Any]]:
    """Of each number of the labels its name, and the smallest, mean and largest."""
    listings = [(listing, {one.name for one in w.skipped}) for listing, w in made.sets.values()]
    rows = [e.values for listing, gone in listings for e in listing.entries if e.name not in gone]
    rows = [row for row in rows if row]
    names = listings[0][0].value_names
    for place in range(listings[0][0].width):
        column = [row[place] for row in rows]
        yield {
            "name": names[place] if names else str(place),
            "min": min(column),
            "mean": math.fsum(column) / len(column),
            "max": max(column),
        }


def columns(text: str) -> int:
    """The columns that a text takes on a terminal: Chinese letters take two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def _counted(
    sizes: Mapping[tuple[int, int], int], value: Callable[[int, int], float]
) -> dict[float, int]:
    counts: Counter[float] = Counter()
    for (height, width), count in sizes.items():
        counts[value(height, width)] += count
    return counts


def _pixels(made: Made) -> dict[str, list[float]] | None:
    """Mean and standard deviation of each channel of the training pictures (B, G, R)."""
    written = next(iter(made.sets.values()))[1]
    if written.moments is None:
        return None
    averages = channel_averages(written.moments, written.records)
    deviations = channel_deviations(written.moments, written.records)
    return {
        "mean": [round(value, 6) for value in averages],
        "std": [round(value, 6) for value in deviations],
    }


def _file_sizes(made: Made) -> dict[str, float] | None:
    counts: Counter[float] = Counter()
    gone = {one.name for one in made.skipped}
    for listing, _ in made.sets.values():
        for entry in listing.entries:
            if entry.name and entry.name not in gone:
                with contextlib.suppress(OSError):  # gone since it was read
                    counts[os.stat(listing.path(entry)).st_size] += 1
    found = spread(counts)
    if found is not None:
        found["total"] = sum(size * count for size, count in counts.items())
    return found
