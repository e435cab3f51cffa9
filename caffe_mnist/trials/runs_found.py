"""Runs by their records: every `run.json` below folders of this machine and places in stores."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.urls import is_local, join, parse
from caffe_mnist.watch.metrics import Metrics

RECORD = "run.json"
# Folders below a place; a run of a sweep in a folder of its own has five.
DEEPEST = 8
LARGEST = 2**24


@dataclass(frozen=True)
class FoundRun:
    """One run: where its record lies, what it says, and how to read its metrics."""

    place: str
    record: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The place, without the folder that every run has."""
        return self.place[: -len("/final")] if self.place.endswith("/final") else self.place

    def metrics(self) -> Metrics:
        """The table beside the record; empty where there is none."""
        if is_local(self.place):
            return Metrics.read(Path(parse(self.place).path) / "metrics.csv", 2**62)
        import tempfile

        from caffe_mnist.storage.copies import download, object_size

        url = join(self.place, "metrics.csv")
        if object_size(url) is None:
            return Metrics()
        with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
            download(url, Path(folder) / "metrics.csv")
            return Metrics.read(Path(folder) / "metrics.csv", 2**62)


def find_runs(places: Sequence[str]) -> tuple[list[FoundRun], list[str]]:
    """The runs below all places, each once, oldest first; and remarks on records that are none.

    A run that lies in several places (its model folder, its store) is taken where it got
    furthest. Raises CaffeMnistError for a place that is not there.
    """
    found: dict[str, FoundRun] = {}
    remarks: list[str] = []
    for place in places:
        records = _below(place) if is_local(place) else _in_store(place)
        for where, content in records:
            record = _parsed(content)
            if record is None:
                remarks.append(f"{join(where, RECORD)}: is no record of a run")
                continue
            run = FoundRun(where, record)
            key = str(record.get("run") or where)
            if key not in found or _rank(run) > _rank(found[key]):
                found[key] = run
    return sorted(found.values(), key=lambda run: str(run.record.get("started", ""))), remarks


def one_run(text: str, within: Sequence[str]) -> FoundRun:
    """The run at a place, or the one of that identity (or the beginning of it) `within` places.

    Raises CaffeMnistError where there is none, or more than one.
    """
    if not is_local(text) or os.path.exists(parse(text).path if "://" in text else text):
        found, _ = find_runs([text])
        if len(found) == 1:
            return found[0]
        shown = ", ".join(run.place for run in found[:5])
        raise CaffeMnistError(
            f"holds {len(found)} runs" + (f": {shown}" if found else ""), where=text
        )
    runs, _ = find_runs(within)
    named = [one for one in runs if str(one.record.get("run", "")).startswith(text)]
    if len(named) != 1:
        what = "no run" if not named else f"{len(named)} runs"
        raise CaffeMnistError(
            f"{what} of that name in {', '.join(within)}", where=text,
            hint="a folder, a URL, or what `runs list` shows as run",
        )  # fmt: skip
    return named[0]


def _rank(run: FoundRun) -> tuple[bool, str, bool]:
    """What is ended goes before what looks as if it were running; `final` before others."""
    ended = run.record.get("ended")
    return bool(ended), str(ended or ""), run.place.endswith("final")


def _below(place: str) -> Iterator[tuple[str, bytes]]:
    root = parse(place).path if "://" in place else place
    if os.path.isfile(root) and os.path.basename(root) == RECORD:
        root = os.path.dirname(root) or "."
    if not os.path.isdir(root):
        raise CaffeMnistError("there is no such folder", where=place)
    base = root.rstrip("/").count("/")
    for folder, folders, names in os.walk(root):
        deep = folder.count("/") - base >= DEEPEST
        folders[:] = [] if deep else sorted(one for one in folders if not one.startswith("."))
        if RECORD in names:
            shown = os.path.normpath(folder)
            try:
                with open(os.path.join(folder, RECORD), "rb") as file:
                    yield shown, file.read(LARGEST)
            except OSError:
                yield shown, b""


def _in_store(url: str) -> Iterator[tuple[str, bytes]]:
    url = posixpath.dirname(url) if posixpath.basename(url) == RECORD else url
    store = open_store(url)
    for entry in store.list():
        if posixpath.basename(entry.name) == RECORD:
            folder = posixpath.dirname(entry.name)
            yield (join(url, folder) if folder else url.rstrip("/")), store.read(entry.name)


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("arguments"), dict):
        return None
    return record
