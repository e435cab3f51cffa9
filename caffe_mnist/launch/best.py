"""The best model so far: which snapshot it is, for the uploader to keep in `best/`.

`best.json` in the model folder names the metric, its value, the iteration of the test, the snapshot
that has these weights, and the files that belong to it:

    {"metric": "test0_accuracy", "value": 0.98, "iteration": 500, "snapshot": 500,
     "since": 0, "files": ["deploy.prototxt"]}

`since` counts the tests after it that brought nothing better.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from caffe_mnist.files import replacing
from caffe_mnist.launch.divergence import is_finite
from caffe_mnist.launch.metric import Metric
from caffe_mnist.storage.best import read_best
from caffe_mnist.storage.pairs import Mark, Pair, pairs
from caffe_mnist.watch.metrics import Metrics

BEST_FILE = "best.json"


@dataclass(frozen=True)
class Record:
    """The best value, where it was seen, and the snapshot of it (None until there is one)."""

    metric: str
    value: float
    iteration: int
    snapshot: int | None = None
    since: int = 0
    files: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: bytes) -> Record | None:
        """What `best.json` holds; None for anything else."""
        try:
            found: dict[str, Any] = json.loads(content)
            files = tuple(str(name) for name in found.get("files", ()))
            snapshot = found["snapshot"]
            return cls(
                str(found["metric"]),
                float(found["value"]),
                int(found["iteration"]),
                None if snapshot is None else int(snapshot),
                int(found.get("since", 0)),
                files,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def write(self, path: Path) -> None:
        """Write it, aside first and then renamed."""
        with replacing(path) as aside:
            aside.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def earlier_best(folder: Path, url: str | None) -> Record | None:
    """What an earlier part of this job found: in the model folder, else in the store."""
    with contextlib.suppress(OSError):
        return Record.from_json((folder / BEST_FILE).read_bytes())
    content = read_best(url) if url else None
    return None if content is None else Record.from_json(content)


class Best:
    """Hears of test results, and finds for each better one the snapshot that has its weights.

    Where none is made at the iteration of the test, `ask` asks the trainer for one: it holds the
    weights of the iteration after.
    """

    def __init__(
        self,
        metric: Metric,
        prefix: Path,
        record: Record | None,
        before: frozenset[Mark],
        files: Callable[[], Sequence[Path]] = lambda: (),
        ask: Callable[[], object] | None = None,
    ) -> None:
        """Go on from `record`, if there is one; `before` are marks of snapshots of other runs."""
        self.metric, self.prefix, self._before = metric, prefix, before
        self.path = prefix.parent / BEST_FILE
        self.record = record if record is not None and metric.is_of(record.metric) else None
        self.tests = 0
        self._wanted: Record | None = None
        self._files, self._ask = files, ask
        self._asked = self._heard = -1

    def listen(self, metrics: Metrics, ask: Callable[[], object]) -> None:
        """Hear every value of `metrics`, beside whoever hears them already."""
        before, self._ask = metrics.heard, ask

        def heard(column: str, iteration: int, value: float) -> None:
            if before is not None:
                before(column, iteration, value)
            self.hear(column, iteration, value)

        metrics.heard = heard

    def hear(self, column: str, iteration: int, value: float) -> None:
        """One value of the log."""
        if not self.metric.is_of(column) or iteration == self._heard:
            return
        self._heard = iteration
        self.tests += 1
        best = self._wanted or self.record
        if self.metric.better(value, None if best is None else best.value):
            self._wanted = Record(column, value, iteration)
        elif best is not None and iteration > best.iteration:
            later = replace(best, since=best.since + 1)
            if self._wanted is not None:
                self._wanted = later
            else:
                self.record = later

    @property
    def since(self) -> int:
        """How many tests ago the best value was seen."""
        best = self._wanted or self.record
        return 0 if best is None else best.since

    @property
    def latest(self) -> Record | None:
        """The best value so far, with its snapshot or without."""
        return self._wanted or self.record

    def hurry(self) -> None:
        """Ask for the snapshot of a better model at once, if there is none at its iteration."""
        wanted = self._wanted
        if wanted is None or self._ask is None or self._asked == wanted.iteration:
            return
        if not self._here(wanted):
            self._asked = wanted.iteration
            self._ask()

    def look(self) -> bool:
        """Find the snapshot of what is wanted, asking for it once; True when it was found."""
        wanted = self._wanted
        if wanted is None:
            return False
        here = self._here(wanted)
        if not here:
            self.hurry()
            return False
        if not is_finite(here[0].weights):
            self._wanted = None
            return False
        names = tuple(path.name for path in self._kept(self._files()))
        self.record = replace(wanted, snapshot=here[0].iteration, files=names)
        self._wanted = None
        self.record.write(self.path)
        return True

    def _here(self, wanted: Record) -> list[Pair]:
        found = pairs(self.prefix, earlier=self._before)
        return [pair for pair in found if pair.iteration >= wanted.iteration]

    def end(self) -> None:
        """What was counted since, for a training that goes on later."""
        self.look()
        if self.record is not None and self.record.snapshot is not None:
            self.record.write(self.path)

    def _kept(self, files: Sequence[Path]) -> list[Path]:
        """Copies beside the snapshots, where the uploader looks."""
        kept = []
        for path in files:
            target = self.path.parent / path.name
            if path.absolute() != target.absolute():
                shutil.copyfile(path, target)
            kept.append(target)
        return kept
