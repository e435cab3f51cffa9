"""Caffe's log as two tables, of the train and of the test outputs, as its parse_log.py makes.

Columns: `NumIters`, `Seconds` since the solver began (by the times of the lines),
`LearningRate`, then a column for each output. Outputs of a second test net are called
`NAME_net1`; further values of one blob `NAME_1`, `NAME_2`, ….
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from caffe_mnist.watch.log import Display, Output, Rate, Testing, read_line

FIRST = ("NumIters", "Seconds", "LearningRate")
TIME = re.compile(r"^[IWEF](?:\d{4})?(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d+)")
START = "Solving "


@dataclass
class Table:
    """Rows in the order of the log, one for each iteration at which there were outputs."""

    columns: list[str] = field(default_factory=lambda: list(FIRST))
    rows: list[dict[str, float]] = field(default_factory=list)

    def set(self, iteration: int, seconds: float, column: str, value: float) -> None:
        """Note one value; a new iteration begins a row, and so does one that comes again."""
        if column not in self.columns:
            self.columns.append(column)
        row = self.rows[-1] if self.rows else {}
        if row.get("NumIters") != iteration or column in row:
            row = {"NumIters": iteration, "Seconds": seconds, "LearningRate": float("nan")}
            self.rows.append(row)
        row[column] = value

    def to_csv(self, delimiter: str = ",") -> str:
        """The table with a head line."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: f"{value:.10g}" for name, value in row.items()})
        return text.getvalue()


@dataclass
class LogTables:
    """Both tables of one log; feed it the lines."""

    train: Table = field(default_factory=Table)
    test: Table = field(default_factory=Table)
    iteration: int | None = None
    _net: int = 0
    _clock: Clock = field(default_factory=lambda: Clock())
    _rates: list[tuple[int, float]] = field(default_factory=list)
    _places: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def feed(self, line: str) -> None:
        """Take in one line; what is no line of a log is passed over."""
        seconds = self._clock.feed(line)
        event = read_line(line)
        if isinstance(event, (Display, Rate, Testing)):
            self.iteration = event.iteration
        if isinstance(event, Testing):
            self._net = event.net
        elif isinstance(event, Rate):
            self._rates.append((event.iteration, event.rate))
            self._learn_rate(event)
        elif isinstance(event, Output) and self.iteration is not None:
            table = self.train if event.phase == "train" else self.test
            table.set(self.iteration, seconds, self._column(event), event.value)
            if self._rates and table.rows[-1]["LearningRate"] != table.rows[-1]["LearningRate"]:
                table.rows[-1]["LearningRate"] = self._rates[-1][1]

    def _learn_rate(self, event: Rate) -> None:
        """The rate stands after the outputs of its iteration; before the first, it is that."""
        for table in (self.train, self.test):
            for row in table.rows[-1:] if len(self._rates) > 1 else table.rows:
                if row["NumIters"] == event.iteration or len(self._rates) == 1:
                    row["LearningRate"] = event.rate

    def _column(self, output: Output) -> str:
        net = self._net if output.phase == "test" else 0
        first = self._places.setdefault((output.phase, net, output.name), output.index)
        name = output.name if output.index == first else f"{output.name}_{output.index - first}"
        return f"{name}_net{net}" if net else name


class Clock:
    """Seconds since the solver began, from the times of a log's lines, which have no year."""

    def __init__(self) -> None:
        self._start: datetime | None = None
        self._latest: datetime | None = None
        self._began = False

    def feed(self, line: str) -> float:
        """The time of this line, or of the last one that had any."""
        match = TIME.match(line)
        if match:
            self._set([int(part) for part in match.groups()[:5]], float(f"0.{match[6]}"))
        if not self._began and START in line:
            self._start, self._began = self._latest, True
        if self._start is None or self._latest is None:
            return 0.0
        return round((self._latest - self._start).total_seconds(), 6)

    def _set(self, parts: list[int], rest: float) -> None:
        year = 2000 if self._latest is None else self._latest.year
        try:
            month, day, hour, minute, second = parts
            now = datetime(year, month, day, hour, minute, second) + timedelta(seconds=rest)
        except ValueError:
            return
        if self._latest is not None and now < self._latest - timedelta(days=180):
            now = now.replace(year=year + 1)  # the log goes over New Year
        self._latest = now
        if self._start is None:
            self._start = now
