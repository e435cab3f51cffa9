"""One value of the log that says how good a model is: `accuracy`, `test0_loss`, `min:error`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from caffe_mnist.errors import CaffeMnistError

# Of these less is better; of others more.
LESS = re.compile(r"loss|err|perplexity|mse|mae|rmse", re.IGNORECASE)


@dataclass(frozen=True)
class Metric:
    """A column of `metrics.csv`, or the name of a test net's output; whether less is better."""

    name: str
    less: bool

    def is_of(self, column: str) -> bool:
        """Whether a column is meant: by its own name, or as an output of the first test net."""
        return column in (self.name, f"test0_{self.name}")

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` is better than the best before; what is no number never is."""
        if value != value:
            return False
        return than is None or (value < than if self.less else value > than)


def parse_metric(text: str, where: str = "--best") -> Metric:
    """`NAME`, `min:NAME` or `max:NAME`; raises CaffeMnistError for anything else."""
    way, colon, name = text.partition(":")
    if not colon:
        way, name = "", text
    if way not in ("", "min", "max") or not re.fullmatch(r"[\w./-]+", name):
        raise CaffeMnistError(
            f"{text!r} is no metric", where=where, hint="accuracy, test1_loss, min:error"
        )
    return Metric(name, way == "min" or (way == "" and bool(LESS.search(name))))


def parse_early_stop(text: str) -> tuple[Metric, int]:
    """`METRIC:PATIENCE`: the metric, and how many tests may pass without a better value."""
    name, _, patience = text.rpartition(":")
    if not name or not patience.isascii() or not patience.isdigit() or int(patience) < 1:
        raise CaffeMnistError(
            f"{text!r} is no METRIC:PATIENCE",
            where="--early-stop",
            hint="accuracy:5 stops when five tests in a row brought nothing better",
        )
    return parse_metric(name, "--early-stop"), int(patience)
