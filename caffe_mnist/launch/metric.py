"""One value of the log that says how good a model is: `accuracy`, `test0_loss`, `min:error`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.watch.metrics import is_less_better

if TYPE_CHECKING:
    from caffe_mnist.launch.settings import Settings

# Columns of `metrics.csv` that come of the training.
OF_TRAINING = re.compile(r"loss|lr|iterations_per_second|train_.+")


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
    return Metric(name, way == "min" or (way == "" and is_less_better(name)))


def settle(metric: Metric, outputs: Sequence[Sequence[str]], where: str) -> Metric:
    """The metric by the name of its column, where test net i has `outputs[i]`.

    An output of the first test net goes before a value of the training of the same name (`loss`).
    Raises CaffeMnistError, with those that there are, for what no test and no training gives.
    """
    columns = [f"test{net}_{name}" for net, names in enumerate(outputs) for name in names]
    for name in (f"test0_{metric.name}", metric.name):
        # Of an output with several values each is a column: scores, scores_1, …
        if name in columns or re.sub(r"_[0-9]+$", "", name) in columns:
            return replace(metric, name=name)
    if OF_TRAINING.fullmatch(metric.name):
        return metric
    if not columns:
        what = f"no test gives {metric.name!r}: the solver tests nothing"
        raise CaffeMnistError(what, where=where, hint="test_iter and test_interval, or loss")
    known = ", ".join([*(outputs[0] or ()), *(one for one in columns if one[4] != "0"), "loss"])
    raise CaffeMnistError(f"no test gives {metric.name!r}", where=where, hint=f"known: {known}")


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


def metric_of_job(settings: Settings, outputs: Sequence[Sequence[str]] | None) -> Metric | None:
    """What says how good a job's models are, by the name of its column; None where nothing does.

    `outputs` are those of its test nets; None where they are not known. Raises CaffeMnistError as
    `settle` does.
    """
    if settings.best:
        metric, where = parse_metric(settings.best), "--best"
    elif settings.early_stop:
        metric, where = parse_early_stop(settings.early_stop)[0], "--early-stop"
    else:
        return None
    return metric if outputs is None else settle(metric, outputs, where)
