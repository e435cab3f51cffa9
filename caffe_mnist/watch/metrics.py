"""The metrics of a run as a table: a row an iteration, a column a value.

Columns: `iteration`, `seconds` since the start, `loss` (smoothed, as Caffe displays it), `lr`,
`iterations_per_second`, then `train_NAME` and `testI_NAME` for each output of the train net and
of test net I in the order of their first appearance. Values that were not logged are empty.
"""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from caffe_mnist.files import replacing
from caffe_mnist.watch.log import Display, Event, Output, Rate, Testing, read_line

FIRST = ("iteration", "seconds", "loss", "lr", "iterations_per_second")
# Of these less is better; of others more. And those of the others that say how good a model is.
LESS = re.compile(r"loss|err|perplexity|mse|mae", re.IGNORECASE)
MORE = re.compile(
    r"acc|top[-_]?\d|recall|precision|iou|f1|auc|psnr|(^|_)map|detection_eval", re.IGNORECASE
)


@dataclass
class Metrics:
    """Collects the values of one run from the lines of its log.

    `heard` is told of each value as it comes: its column, its iteration and the value.
    """

    clock: Callable[[], float] = time.monotonic
    rows: dict[int, dict[str, float]] = field(default_factory=dict)
    columns: list[str] = field(default_factory=lambda: list(FIRST))
    heard: Callable[[str, int, float], None] | None = None
    _iteration: int = 0
    _test_net: int = 0
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = self.clock()

    @classmethod
    def read(cls, path: str | os.PathLike[str], until: int) -> Metrics:
        """The table of an earlier run that goes on at iteration `until`; empty if there is none.

        Its seconds go on, too.
        """
        metrics = cls()
        try:
            with open(path, newline="", encoding="utf-8") as file:
                table = csv.DictReader(file)
                names = [name for name in table.fieldnames or () if name not in FIRST]
                for found in table:
                    row = {key: float(value) for key, value in found.items() if value}
                    if row["iteration"] <= until:
                        metrics.rows[int(row["iteration"])] = row
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            return cls()
        metrics.columns += names
        metrics._start -= metrics.latest("seconds") or 0.0
        return metrics

    def feed(self, line: str) -> Event | None:
        """Take in one line; returns what it says."""
        event = read_line(line)
        if isinstance(event, Display):
            self._iteration = event.iteration
            self._set("loss", event.loss)
            if event.speed is not None:
                self._set("iterations_per_second", event.speed)
        elif isinstance(event, Rate):
            self._iteration = event.iteration
            self._set("lr", event.rate)
        elif isinstance(event, Testing):
            self._iteration, self._test_net = event.iteration, event.net
        elif isinstance(event, Output):
            self._set(self._column(event), event.value)
        return event

    def latest(self, column: str) -> float | None:
        """The last value of a column."""
        for iteration in sorted(self.rows, reverse=True):
            if column in self.rows[iteration]:
                return self.rows[iteration][column]
        return None

    def results(self) -> dict[str, float]:
        """The last value of each column but the time; `test_iteration` is the last test's."""
        values = {name: self.latest(name) for name in self.columns if name != "seconds"}
        for iteration, row in sorted(self.rows.items()):
            if any(name.startswith("test") for name in row):
                values["test_iteration"] = iteration
        return {name: value for name, value in values.items() if value is not None}

    def best(self) -> dict[str, dict[str, float]]:
        """The best value of each test output, and its iteration: the first one of several equal.

        Of losses and errors the lowest, of all else (accuracies) the highest.
        """
        found: dict[str, dict[str, float]] = {}
        for iteration, row in sorted(self.rows.items()):
            for name, value in row.items():
                if name.startswith("test") and value == value:
                    old = found.get(name)
                    if old is None or is_better(name, value, old["value"]):
                        found[name] = {"value": value, "iteration": iteration}
        return found

    def to_csv(self) -> str:
        """The table as CSV with a head line."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for iteration in sorted(self.rows):
            writer.writerow({k: f"{v:g}" for k, v in self.rows[iteration].items()})
        return text.getvalue()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table, aside first and then renamed."""
        with replacing(path) as aside:
            aside.write_text(self.to_csv(), encoding="utf-8")

    def _column(self, output: Output) -> str:
        """The outputs of one blob with several values are told apart by their number."""
        prefix = "train" if output.phase == "train" else f"test{self._test_net}"
        name = f"{prefix}_{output.name}"
        row = self.rows.get(self._iteration, {})
        first = self._places.setdefault(name, output.index)
        if output.index != first and name in row:
            name = f"{name}_{output.index - first}"
        return name

    def _set(self, column: str, value: float) -> None:
        if column not in self.columns:
            self.columns.append(column)
        row = self.rows.setdefault(self._iteration, {"iteration": self._iteration})
        row.setdefault("seconds", round(self.clock() - self._start, 3))
        row[column] = value
        if self.heard is not None:
            self.heard(column, self._iteration, value)


def is_less_better(name: str) -> bool:
    """Whether of a metric's values the lower is the better: of losses and errors; of others not."""
    return LESS.search(name) is not None


def is_better(name: str, one: float, other: float) -> bool:
    """Whether a metric's value is better than another one."""
    return one < other if is_less_better(name) else one > other


def judged_by(names: Iterable[str]) -> str | None:
    """The test output that says how good a model is: an accuracy or the like, else a loss."""
    tests = [name for name in names if re.match(r"test\d+_", name)]
    for kind in (re.compile("accuracy", re.IGNORECASE), MORE, LESS):
        for name in tests:
            if kind.search(name):
                return name
    return None
